, part AS (
  SELECT g.oid AS relation, g.name, x.indexrelid, x.indexprs, n.nr, am.amname, x.indkey[n.nr - 1] AS attnum, x.indclass[n.nr - 1] AS opclass,
    pg_get_indexdef(x.indexrelid, n.nr, true) AS text,
    -- An index that is searched from its first column on is of no use without it; the tenant in front is never in the way.
    min(n.nr) OVER (PARTITION BY x.indexrelid) AS first
  FROM guarded AS g
  JOIN pg_catalog.pg_index AS x ON x.indrelid = g.oid AND x.indisvalid
  JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid AND NOT c.relispartition
  JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
  CROSS JOIN LATERAL generate_series(1, x.indnkeyatts) AS n (nr)
  LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = g.oid AND a.attnum = x.indkey[n.nr - 1] AND a.attnum > 0
  WHERE a.attname IS DISTINCT FROM g.col
), killer AS (
  SELECT p.indexrelid, p.nr, 'operator ' || o.oprname || ' (' || format_type(o.oprleft, NULL) || ', ' || format_type(o.oprright, NULL) || ')' AS what
  FROM part AS p
  JOIN pg_catalog.pg_opclass AS c ON c.oid = p.opclass
  JOIN pg_catalog.pg_amop AS m ON m.amopfamily = c.opcfamily AND m.amoplefttype = c.opcintype AND m.amoppurpose = 's'
  JOIN pg_catalog.pg_operator AS o ON o.oid = m.amopopr
  JOIN pg_catalog.pg_proc AS f ON f.oid = o.oprcode AND NOT f.proleakproof
  -- Of an ordered index the one that decides is equality.
  WHERE p.amname NOT IN ('btree', 'hash') OR (m.amopstrategy = CASE p.amname WHEN 'btree' THEN 3 ELSE 1 END AND m.amoprighttype = c.opcintype)
  UNION ALL
  SELECT p.indexrelid, p.nr, 'operator ~~ (' || format_type(c.opcintype, NULL) || ', text)'
  FROM part AS p
  JOIN pg_catalog.pg_opclass AS c ON c.oid = p.opclass AND c.opcname ~ '_pattern_ops$' AND p.amname = 'btree'
  UNION ALL
  SELECT p.indexrelid, p.nr, 'function ' || f.oid::regprocedure
  FROM part AS p
  CROSS JOIN LATERAL regexp_matches(p.indexprs::text, ':(?:op)?funcid (\d+)', 'g') AS m (ids)
  JOIN pg_catalog.pg_proc AS f ON f.oid = m.ids[1]::oid AND NOT f.proleakproof
  WHERE p.attnum = 0 AND strpos(p.text, f.proname) > 0
)
SELECT p.name AS object,
  'the index ' || c.relname || ' is not used for ' || p.text || ' once policies hold: ' || string_agg(DISTINCT k.what, ', ') || ' is not leakproof' AS detail,
  quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS index,
  p.relation::regclass::text AS relation,
  p.text AS part,
  string_agg(DISTINCT k.what, ', ') AS killer
FROM part AS p
JOIN pg_catalog.pg_class AS c ON c.oid = p.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN killer AS k ON k.indexrelid = p.indexrelid AND k.nr = p.nr
WHERE p.nr = p.first OR p.amname NOT IN ('btree', 'hash')
GROUP BY p.name, n.nspname, c.relname, p.text, p.relation
ORDER BY 1, 2
