-- Only the extension's own view: another relation of that name would run somebody's code with our rights.
SELECT to_jsonb(n.nspname) AS data
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_depend AS d
  ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e' AND d.classid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_class AS c ON c.oid = d.objid AND c.relname = 'pg_stat_statements'
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE e.extname = 'pg_stat_statements'
