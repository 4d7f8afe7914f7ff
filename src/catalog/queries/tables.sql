WITH rel AS (
  SELECT c.*, n.nspname
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE (n.nspname = ANY ($1) OR (c.relkind IN ('v', 'm') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tenantize')))
    AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
    AND c.relpersistence <> 't'
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), leaky AS MATERIALIZED (
  -- Asked once for each operator class in use: thousands of indexes share a few. A key of btree and hash counts where it leads.
  SELECT oc.oid AS opclass, am.amname IN ('btree', 'hash') AS leads, array_agg(DISTINCT o.oprname || ' (' || p.proname || ')') AS what
  FROM pg_catalog.pg_opclass AS oc
  JOIN pg_catalog.pg_am AS am ON am.oid = oc.opcmethod
  JOIN pg_catalog.pg_amop AS ao ON ao.amopfamily = oc.opcfamily AND ao.amoplefttype = oc.opcintype AND ao.amoppurpose = 's'
  JOIN pg_catalog.pg_operator AS o ON o.oid = ao.amopopr
  JOIN pg_catalog.pg_proc AS p ON p.oid = o.oprcode
  WHERE oc.oid IN (SELECT c.opclass FROM pg_catalog.pg_index AS x CROSS JOIN unnest(x.indclass) AS c (opclass))
    AND NOT p.proleakproof AND CASE am.amname
      WHEN 'btree' THEN ao.amopstrategy = 3 AND ao.amoprighttype = oc.opcintype
      WHEN 'hash' THEN ao.amopstrategy = 1 AND ao.amoprighttype = oc.opcintype
      ELSE NOT EXISTS (
        SELECT FROM pg_catalog.pg_amop AS bo
        JOIN pg_catalog.pg_operator AS bp ON bp.oid = bo.amopopr
        JOIN pg_catalog.pg_proc AS bf ON bf.oid = bp.oprcode
        WHERE bo.amopfamily = oc.opcfamily AND bo.amoplefttype = oc.opcintype AND bf.proleakproof) END
  GROUP BY oc.oid, am.amname
  UNION ALL
  SELECT oc.oid, true, ARRAY['~~ (textlike)'] FROM pg_catalog.pg_opclass AS oc WHERE oc.opcname ~ '_pattern_ops$'
)
SELECT jsonb_build_object(
  'name', '"' || replace(rel.nspname, '"', '""') || '"."' || replace(rel.relname, '"', '""') || '"',
  'kind', CASE rel.relkind WHEN 'r' THEN 'ordinary' WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'foreign' WHEN 'v' THEN 'view' ELSE 'materialized_view' END,
  'parents', coalesce((
    SELECT jsonb_agg('"' || replace(pn.nspname, '"', '""') || '"."' || replace(pc.relname, '"', '""') || '"' ORDER BY i.inhseqno)
    FROM pg_catalog.pg_inherits AS i
    JOIN pg_catalog.pg_class AS pc ON pc.oid = i.inhparent
    JOIN pg_catalog.pg_namespace AS pn ON pn.oid = pc.relnamespace
    WHERE i.inhrelid = rel.oid), '[]'),
  'is_partition', rel.relispartition,
  'owner', pg_get_userbyid(rel.relowner),
  'owned', pg_has_role(rel.relowner, 'USAGE'),
  'unlogged', rel.relpersistence = 'u',
  'rls_enabled', rel.relrowsecurity,
  'rls_forced', rel.relforcerowsecurity,
  'rows', rel.reltuples::float8,
  'pages', CASE WHEN rel.relkind IN ('r', 'm') THEN pg_relation_size(rel.oid) / current_setting('block_size')::int ELSE 0 END,
  'bytes', CASE WHEN rel.relkind IN ('r', 'm') THEN pg_total_relation_size(rel.oid) ELSE 0 END,
  'columns', coalesce((
    SELECT jsonb_agg(jsonb_build_object(
      'name', a.attname,
      'ty', format_type(a.atttypid, a.atttypmod),
      'not_null', a.attnotnull,
      'default', pg_get_expr(d.adbin, d.adrelid),
      'generated', a.attgenerated <> '',
      'identity', a.attidentity <> '') ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute AS a
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]'),
  'keys', coalesce((
    SELECT jsonb_agg(jsonb_build_object(
      'name', k.conname,
      'kind', CASE k.contype WHEN 'p' THEN 'primary' WHEN 'u' THEN 'unique' ELSE 'exclusion' END,
      'columns', (
        SELECT coalesce(jsonb_agg(a.attname ORDER BY n.nr), '[]')
        FROM unnest(k.conkey) WITH ORDINALITY AS n (attnum, nr)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n.attnum),
      'deferrable', k.condeferrable,
      'definition', pg_get_constraintdef(k.oid)) ORDER BY k.conname)
    FROM pg_catalog.pg_constraint AS k
    WHERE k.conrelid = rel.oid AND k.contype IN ('p', 'u', 'x')), '[]'),
  'checks', coalesce((
    SELECT jsonb_agg(k.conname ORDER BY k.conname)
    FROM pg_catalog.pg_constraint AS k
    WHERE k.conrelid = rel.oid AND k.contype NOT IN ('p', 'u', 'x', 'f')), '[]'),
  'foreign_keys', coalesce((
    SELECT jsonb_agg(jsonb_build_object(
      'name', k.conname,
      'columns', (
        SELECT coalesce(jsonb_agg(a.attname ORDER BY n.nr), '[]')
        FROM unnest(k.conkey) WITH ORDINALITY AS n (attnum, nr)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n.attnum),
      'table', '"' || replace(fn.nspname, '"', '""') || '"."' || replace(fc.relname, '"', '""') || '"',
      'references', (
        SELECT coalesce(jsonb_agg(a.attname ORDER BY n.nr), '[]')
        FROM unnest(k.confkey) WITH ORDINALITY AS n (attnum, nr)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = n.attnum),
      'on_delete', CASE k.confdeltype WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set_null' WHEN 'd' THEN 'set_default' ELSE 'no_action' END,
      'on_update', CASE k.confupdtype WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set_null' WHEN 'd' THEN 'set_default' ELSE 'no_action' END,
      'match_full', k.confmatchtype = 'f',
      'deferrable', k.condeferrable,
      'deferred', k.condeferred,
      'validated', k.convalidated,
      'inherited', k.conparentid <> 0,
      'definition', pg_get_constraintdef(k.oid)) ORDER BY k.conname)
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS fc ON fc.oid = k.confrelid
    JOIN pg_catalog.pg_namespace AS fn ON fn.oid = fc.relnamespace
    WHERE k.conrelid = rel.oid AND k.contype = 'f'), '[]'),
  'indexes', coalesce((
    SELECT jsonb_agg(jsonb_build_object(
      'name', ic.relname,
      'unique', x.indisunique,
      'valid', x.indisvalid AND x.indisready,
      'constraint', EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x')),
      'partial', x.indpred IS NOT NULL,
      'columns', (
        SELECT jsonb_agg(a.attname ORDER BY n.nr)
        FROM generate_series(0, x.indnkeyatts - 1) AS n (nr)
        LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = rel.oid AND a.attnum = x.indkey[n.nr] AND a.attnum > 0),
      'leaky', coalesce((
        SELECT jsonb_agg(DISTINCT l.what)
        FROM (
          SELECT unnest(y.what) AS what
          FROM generate_series(0, x.indnkeyatts - 1) AS k (nr)
          JOIN leaky AS y ON y.opclass = x.indclass[k.nr] AND (k.nr = 0 OR NOT y.leads)
          UNION ALL
          SELECT p.proname || '()'
          FROM regexp_matches(x.indexprs::text, ':(?:funcid|opfuncid) (\d+)', 'g') AS m (groups)
          JOIN pg_catalog.pg_proc AS p ON p.oid = m.groups[1]::oid
          WHERE NOT p.proleakproof
        ) AS l), '[]'),
      'calls', coalesce((
        SELECT jsonb_agg(DISTINCT n.nspname || '.' || p.proname || '()')
        FROM regexp_matches(concat(x.indexprs::text, x.indpred::text), ':(?:funcid|opfuncid) (\d+)', 'g') AS m (groups)
        JOIN pg_catalog.pg_proc AS p ON p.oid = m.groups[1]::oid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace AND n.nspname <> 'pg_catalog'), '[]'),
      'definition', pg_get_indexdef(x.indexrelid)) ORDER BY ic.relname)
    FROM pg_catalog.pg_index AS x
    JOIN pg_catalog.pg_class AS ic ON ic.oid = x.indexrelid
    WHERE x.indrelid = rel.oid), '[]'),
  'policies', coalesce((
    SELECT jsonb_agg(jsonb_build_object(
      'name', p.polname,
      'permissive', p.polpermissive,
      'command', p.polcmd,
      'roles', coalesce((
        SELECT jsonb_agg(r.rolname ORDER BY r.rolname)
        FROM pg_catalog.pg_roles AS r WHERE r.oid = ANY (p.polroles)), '[]'),
      'using', pg_get_expr(p.polqual, p.polrelid),
      'check', pg_get_expr(p.polwithcheck, p.polrelid)) ORDER BY p.polname)
    FROM pg_catalog.pg_policy AS p
    WHERE p.polrelid = rel.oid), '[]'),
  'triggers', coalesce((
    SELECT jsonb_agg(jsonb_build_object(
      'name', t.tgname,
      'enabled', t.tgenabled,
      'on_update', (t.tgtype & 16) <> 0 AND t.tgattr::text = '',
      'definition', pg_get_triggerdef(t.oid)) ORDER BY t.tgname)
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = rel.oid AND NOT t.tgisinternal), '[]'),
  'rules', coalesce((
    SELECT jsonb_agg(w.rulename ORDER BY w.rulename)
    FROM pg_catalog.pg_rewrite AS w
    WHERE w.ev_class = rel.oid AND w.rulename <> '_RETURN'), '[]'),
  'grants', coalesce((
    SELECT jsonb_agg(
      jsonb_build_object('grantee', r.rolname, 'privilege', g.privilege_type, 'grantable', g.is_grantable) ORDER BY r.rolname, g.privilege_type)
    FROM aclexplode(rel.relacl) AS g
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.grantee
    WHERE g.grantee <> rel.relowner), '[]'),
  'column_grants', coalesce((
    SELECT jsonb_agg(
      jsonb_build_object('column', a.attname, 'grantee', r.rolname, 'privilege', g.privilege_type, 'grantable', g.is_grantable)
      ORDER BY a.attnum, r.rolname, g.privilege_type)
    FROM pg_catalog.pg_attribute AS a
    CROSS JOIN LATERAL aclexplode(a.attacl) AS g
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.grantee
    WHERE a.attrelid = rel.oid AND NOT a.attisdropped AND g.grantee <> rel.relowner), '[]'),
  'sequences', coalesce((
    SELECT jsonb_agg(jsonb_build_object(
      'name', '"' || replace(sn.nspname, '"', '""') || '"."' || replace(sc.relname, '"', '""') || '"',
      'identity', d.deptype = 'i',
      'grants', coalesce((
        SELECT jsonb_agg(
          jsonb_build_object('grantee', r.rolname, 'privilege', g.privilege_type, 'grantable', g.is_grantable) ORDER BY r.rolname, g.privilege_type)
        FROM aclexplode(sc.relacl) AS g
        LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.grantee
        WHERE g.grantee <> sc.relowner), '[]')) ORDER BY sn.nspname, sc.relname)
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_class AS sc ON sc.oid = d.objid AND sc.relkind = 'S'
    JOIN pg_catalog.pg_namespace AS sn ON sn.oid = sc.relnamespace
    WHERE d.refobjid = rel.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.classid = 'pg_catalog.pg_class'::regclass
      AND d.deptype IN ('a', 'i')), '[]'),
  'options', coalesce(to_jsonb(rel.reloptions), '[]'),
  'replica_identity', rel.relreplident,
  'published', EXISTS (
    SELECT FROM pg_catalog.pg_publication_tables AS pt WHERE pt.schemaname = rel.nspname AND pt.tablename = rel.relname),
  'reads', CASE WHEN rel.relkind IN ('v', 'm') THEN coalesce((
    SELECT jsonb_agg(DISTINCT '"' || replace(bn.nspname, '"', '""') || '"."' || replace(bc.relname, '"', '""') || '"')
    FROM pg_catalog.pg_rewrite AS w
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
    JOIN pg_catalog.pg_class AS bc ON bc.oid = d.refobjid AND bc.oid <> rel.oid
    JOIN pg_catalog.pg_namespace AS bn ON bn.oid = bc.relnamespace
    WHERE w.ev_class = rel.oid), '[]') ELSE '[]' END
) AS data
FROM rel
ORDER BY rel.nspname, rel.relname
