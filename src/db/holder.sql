SELECT l.pid AS pid,
       nullif(a.application_name, '') AS application,
       a.backend_start AS since,
       CASE WHEN a.backend_start IS NOT NULL THEN coalesce(host(a.client_addr), 'local') END AS client
FROM pg_catalog.pg_locks AS l
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory'
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
  AND l.classid = $1
  AND l.objid = $2
  AND l.objsubid = 2
  AND l.granted
ORDER BY l.pid
LIMIT 1
