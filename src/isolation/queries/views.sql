-- Views that read one of the relations $2, directly or through others, and that the role $1 may read.
WITH RECURSIVE reads AS (
  SELECT c.oid
  FROM unnest($2) AS t (name)
  JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(t.name)::oid
  UNION
  SELECT w.ev_class
  FROM reads AS r
  JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = r.oid
  JOIN pg_catalog.pg_rewrite AS w ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND w.oid = d.objid
)
SELECT n.nspname::text AS schema, c.relname::text AS name,
  EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = $3 AND NOT a.attisdropped) AS has_tenant
FROM (SELECT DISTINCT oid FROM reads) AS r
JOIN pg_catalog.pg_class AS c ON c.oid = r.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm')
  AND has_table_privilege($1, c.oid, 'SELECT')
  AND has_schema_privilege($1, n.oid, 'USAGE')
ORDER BY 1, 2
