SELECT n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS object,
  string_agg(app.rolname, ', ' ORDER BY app.rolname) || ' may call it: '
    || CASE WHEN NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c') THEN 'the language ' || l.lanname || ' reaches the whole server'
      WHEN n.nspname = 'pg_catalog' THEN 'it reaches files of the server'
      ELSE 'the extension ' || e.extname || ' reaches beyond this session' END AS detail
FROM app, pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
LEFT JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
WHERE ((NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c'))
    OR e.extname IN ('dblink', 'adminpack', 'http', 'pg_net', 'plproxy', 'file_fdw')
    OR (n.nspname = 'pg_catalog' AND p.proname IN (
      'lo_import', 'lo_export', 'pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'pg_stat_file', 'pg_file_write', 'pg_file_unlink',
      'pg_file_rename', 'pg_reload_conf', 'pg_rotate_logfile')))
  AND NOT app.rolsuper AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'language_handler'::regtype, 'fdw_handler'::regtype)
  AND has_schema_privilege(app.oid, n.oid, 'USAGE') AND has_function_privilege(app.oid, p.oid, 'EXECUTE')
GROUP BY p.oid, n.nspname, p.proname, l.lanpltrusted, l.lanname, e.extname
ORDER BY 1
