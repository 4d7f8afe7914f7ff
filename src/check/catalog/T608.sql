SELECT app.rolname AS object, 'it is a member of ' || string_agg(r.rolname, ', ' ORDER BY r.rolname) AS detail
FROM how, app
JOIN pg_catalog.pg_roles AS r ON r.rolname IN (
  'pg_read_all_data', 'pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_monitor',
  'pg_read_all_stats', 'pg_stat_scan_tables', 'pg_signal_backend', 'pg_create_subscription', 'pg_maintain')
WHERE NOT app.rolsuper AND (pg_has_role(app.oid, r.oid, 'USAGE') OR pg_has_role(app.oid, r.oid, how.become))
GROUP BY 1
ORDER BY 1
