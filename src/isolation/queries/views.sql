-- Views that read one of the relations $2, directly or through others, and that the role $1 may read; with `stranger`, who has written
-- code in it and is neither a superuser, the session's role nor one of $4: to read it is to run that code.
WITH RECURSIVE reads AS (
  SELECT c.oid
  FROM unnest($2) AS t (name)
  JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(t.name)::oid
  UNION
  SELECT w.ev_class
  FROM reads AS r
  JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = r.oid
  JOIN pg_catalog.pg_rewrite AS w ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND w.oid = d.objid
), below AS (
  SELECT r.oid AS view, r.oid
  FROM reads AS r
  UNION
  SELECT b.view, d.refobjid
  FROM below AS b
  JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = b.oid AND w.ev_type = '1'
  JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass
), part AS (
  SELECT b.view, d.refclassid, d.refobjid
  FROM below AS b
  JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = b.oid AND w.ev_type = '1'
  JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
), author AS (
  SELECT b.view, c.relowner AS oid
  FROM below AS b
  JOIN pg_catalog.pg_class AS c ON c.oid = b.oid
  -- The tables with tenants are read anyway.
  WHERE c.relkind IN ('v', 'm') OR c.oid NOT IN (SELECT to_regclass(t.name)::oid FROM unnest($2) AS t (name) WHERE to_regclass(t.name) IS NOT NULL)
  UNION
  SELECT p.view, f.proowner
  FROM part AS p
  JOIN pg_catalog.pg_proc AS f ON p.refclassid = 'pg_catalog.pg_proc'::regclass AND f.oid = p.refobjid
  UNION
  SELECT p.view, o.oprowner
  FROM part AS p
  JOIN pg_catalog.pg_operator AS o ON p.refclassid = 'pg_catalog.pg_operator'::regclass AND o.oid = p.refobjid
  UNION
  SELECT p.view, t.typowner
  FROM part AS p
  JOIN pg_catalog.pg_type AS t ON p.refclassid = 'pg_catalog.pg_type'::regclass AND t.oid = p.refobjid
)
SELECT n.nspname::text AS schema, c.relname::text AS name,
  EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = $3 AND NOT a.attisdropped) AS has_tenant,
  (SELECT min(o.rolname::text)
   FROM author AS a
   JOIN pg_catalog.pg_roles AS o ON o.oid = a.oid
   WHERE a.view = c.oid AND NOT o.rolsuper AND o.rolname <> current_user AND NOT o.rolname::text = ANY ($4)) AS stranger
FROM (SELECT DISTINCT oid FROM reads) AS r
JOIN pg_catalog.pg_class AS c ON c.oid = r.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm')
  AND has_table_privilege($1, c.oid, 'SELECT')
  AND has_schema_privilege($1, n.oid, 'USAGE')
ORDER BY 1, 2
