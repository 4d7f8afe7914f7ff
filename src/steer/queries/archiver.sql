-- Whether WAL is archived, and whether we may look at what waits for it.
SELECT current_setting('archive_mode') <> 'off' AS archives,
  has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'EXECUTE') AS may_look
