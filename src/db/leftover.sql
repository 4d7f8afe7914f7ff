SELECT a.pid AS pid,
       a.usename::text AS "user",
       nullif(a.application_name, '') AS application,
       a.state AS state,
       extract(epoch FROM clock_timestamp() - a.query_start)::int8 AS age_seconds,
       left(regexp_replace(a.query, '\s+', ' ', 'g'), 200) AS query
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = current_database()
  AND a.pid <> pg_backend_pid()
  AND a.backend_type = 'client backend'
  AND a.state = 'active'
  -- the server keeps 99 bytes of a statement at least
  AND (a.query = $1 OR (octet_length(a.query) > 90 AND starts_with($1, a.query)))
ORDER BY a.pid
