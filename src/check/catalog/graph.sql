, area AS (
  SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relrowsecurity,
    EXISTS (SELECT FROM jsonb_array_elements_text(j -> 'shared') AS s WHERE to_regclass(s) = c.oid) AS shared
  FROM given, pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
    AND (j -> 'schemas' ? n.nspname OR c.oid IN (SELECT oid FROM guarded))
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), side AS (
  SELECT p.oid, p.polrelid, p.polroles, p.polcmd IN ('r', '*') AS selects, p.polqual::text AS tree
  FROM pg_catalog.pg_policy AS p
  WHERE p.polqual IS NOT NULL
  UNION ALL
  SELECT p.oid, p.polrelid, p.polroles, false, p.polwithcheck::text
  FROM pg_catalog.pg_policy AS p
  WHERE p.polwithcheck IS NOT NULL
), body AS (
  -- Functions that people wrote, in lower case and without comments.
  SELECT p.oid, n.oid AS nsp, n.nspname, p.proname, n.nspname || '.' || p.proname AS name, p.proowner, p.prosecdef, p.provolatile,
    p.proparallel, p.proleakproof, p.proconfig, p.prorettype, p.proargnames, p.proargmodes,
    to_jsonb(p) ->> 'prosqlbody' IS NOT NULL AS parsed,
    regexp_replace(regexp_replace(lower(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)), '--[^\n]*', '', 'g'), '/\*.*?\*/', '', 'g') AS code
  FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(temp|toast)' AND l.lanname NOT IN ('c', 'internal')
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
), helper AS (
  -- Functions that policies call, and those that these call.
  SELECT s.oid AS policy, s.polrelid, s.polroles, s.selects, b.oid, true AS direct
  FROM side AS s
  CROSS JOIN LATERAL regexp_matches(s.tree, ':funcid (\d+)', 'g') AS m
  JOIN body AS b ON b.oid = m[1]::oid
  UNION
  SELECT h.policy, h.polrelid, h.polroles, h.selects, b.oid, false
  FROM helper AS h
  JOIN body AS c ON c.oid = h.oid
  JOIN body AS b ON b.oid <> c.oid AND strpos(c.code, lower(b.proname)) > 0
    AND c.code ~ ('\m' || regexp_replace(lower(b.proname), '(\W)', '\\\1', 'g') || '"?\s*\(')
), filler AS (
  -- Functions that give a guarded column its default.
  SELECT DISTINCT d.refobjid AS oid
  FROM pg_catalog.pg_depend AS d
  JOIN pg_catalog.pg_attrdef AS a ON a.oid = d.objid
  WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = 'pg_catalog.pg_proc'::regclass
    AND a.adrelid IN (SELECT oid FROM guarded)
), naming AS (
  -- Functions and the tables and views that they name.
  SELECT b.oid, c.oid AS relation
  FROM body AS b, pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND strpos(b.code, lower(c.relname)) > 0
    AND b.code ~ ('\m(from|join|into|update|only|using|table)\s+([\w".]+(\s+(as\s+)?\w+)?\s*,\s*)*("?'
      || regexp_replace(lower(n.nspname), '(\W)', '\\\1', 'g') || '"?\.)?"?' || regexp_replace(lower(c.relname), '(\W)', '\\\1', 'g') || '"?(?![\w."])')
), step AS (
  -- Where reading a relation leads: by the sub-selects of its policies, by their functions, or by the rule of a view.
  SELECT s.polrelid AS here, m[1]::oid AS there, s.polroles, s.selects, NULL::oid AS rights, 0 AS means
  FROM side AS s
  CROSS JOIN LATERAL regexp_matches(s.tree, ':rtekind 0 :relid (\d+)', 'g') AS m
  UNION
  SELECT h.polrelid, n.relation, h.polroles, h.selects, CASE WHEN b.prosecdef THEN b.proowner END, CASE WHEN b.prosecdef THEN 2 ELSE 1 END
  FROM helper AS h
  JOIN body AS b ON b.oid = h.oid
  JOIN naming AS n ON n.oid = h.oid
  UNION
  SELECT c.oid, m[1]::oid, '{0}', true,
    CASE WHEN NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false) THEN c.relowner END, 0
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = c.oid
  CROSS JOIN LATERAL regexp_matches(w.ev_action::text, ':rtekind 0 :relid (\d+)', 'g') AS m
  WHERE c.relkind = 'v' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND m[1]::oid <> c.oid
), walk AS (
  SELECT area.oid AS start, area.oid AS node, app.oid AS who, 0 AS means, true AS selects, NULL::oid AS way
  FROM area, app
  WHERE area.relrowsecurity
  UNION
  SELECT w.start, s.there, coalesce(s.rights, w.who), greatest(w.means, s.means), w.selects AND s.selects, coalesce(w.way, s.there)
  FROM walk AS w
  JOIN pg_catalog.pg_class AS c ON c.oid = w.node
  JOIN pg_catalog.pg_roles AS r ON r.oid = w.who
  JOIN step AS s ON s.here = w.node
  WHERE (w.way IS NULL OR (w.node <> w.start AND s.selects))
    AND (c.relkind = 'v'
      OR (c.relrowsecurity AND NOT r.rolsuper AND NOT r.rolbypassrls
        AND (c.relforcerowsecurity OR NOT pg_has_role(r.oid, c.relowner, 'USAGE'))
        AND (s.polroles = '{0}' OR EXISTS (SELECT FROM unnest(s.polroles) AS m WHERE pg_has_role(r.oid, m, 'USAGE')))))
), circle AS (
  -- Relations that reading leads back to: 0 by sub-selects, 1 by functions with the caller's rights, 2 by functions with their owner's.
  SELECT area.name, w.means, string_agg(DISTINCT w.way::regclass::text, ', ') AS ways
  FROM walk AS w
  JOIN area ON area.oid = w.start
  JOIN pg_catalog.pg_class AS c ON c.oid = w.start
  JOIN pg_catalog.pg_roles AS r ON r.oid = w.who
  WHERE w.node = w.start AND w.way IS NOT NULL
    AND NOT r.rolsuper AND NOT r.rolbypassrls AND (c.relforcerowsecurity OR NOT pg_has_role(r.oid, c.relowner, 'USAGE'))
    AND (w.selects OR (w.means = 0 AND EXISTS (
      SELECT FROM side AS s
      WHERE s.polrelid = w.start AND s.selects AND s.tree ~ '\{SUBLINK'
        AND (s.polroles = '{0}' OR EXISTS (SELECT FROM unnest(s.polroles) AS m WHERE pg_has_role(w.who, m, 'USAGE'))))))
  GROUP BY 1, 2
)
