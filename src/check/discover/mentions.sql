-- Every setting and every claim of a token that policies, functions and defaults ask for, with the number of places.
WITH place AS (
  SELECT 'policy' AS kind, c.oid::text || p.polname AS id,
    concat_ws(' ; ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) AS body
  FROM pg_catalog.pg_policy AS p
  JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
  UNION ALL
  SELECT 'function', p.oid::text, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
  FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
  WHERE n.nspname <> ALL (ARRAY['pg_catalog', 'information_schema', 'auth', 'extensions', 'storage', 'tenantize'])
    AND l.lanname <> ALL (ARRAY['c', 'internal'])
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  UNION ALL
  SELECT 'default', d.oid::text, pg_get_expr(d.adbin, d.adrelid)
  FROM pg_catalog.pg_attrdef AS d
), mention AS (
  SELECT 'setting' AS what, m[1] AS name, p.kind, p.id
  FROM place AS p
  CROSS JOIN LATERAL regexp_matches(p.body, 'current_setting\(\s*''([^''.]+\.[^'']+)''', 'gi') AS m
  UNION ALL
  SELECT 'claim', m[1], p.kind, p.id
  FROM place AS p
  CROSS JOIN LATERAL regexp_matches(p.body, 'auth\.jwt\(\)((?:[\s()]|->>?|''[^'']*''|::\w+)+)', 'gi') AS m
  WHERE m[1] LIKE '%->%'
  UNION ALL
  SELECT 'user', m[1], p.kind, p.id
  FROM place AS p
  CROSS JOIN LATERAL regexp_matches(p.body, '(auth\.uid\(\))', 'gi') AS m
)
SELECT what, name, count(DISTINCT id) FILTER (WHERE kind = 'policy') AS policies, count(DISTINCT id) FILTER (WHERE kind <> 'policy') AS others
FROM mention
GROUP BY 1, 2
ORDER BY 1, 2
