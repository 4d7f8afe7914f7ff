-- Roles that see every row of the relations $1, or own one of them, or may do something like it.
SELECT r.rolname::text AS text
FROM pg_catalog.pg_roles AS r
WHERE r.rolsuper
  OR r.rolbypassrls
  OR r.rolname IN ('pg_read_all_data', 'pg_write_all_data', 'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
  OR r.oid IN (SELECT c.relowner FROM unnest($1) AS t (name) JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(t.name)::oid)
ORDER BY 1
LIMIT 20
