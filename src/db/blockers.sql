SELECT b.pid AS pid,
       a.usename::text AS "user",
       nullif(a.application_name, '') AS application,
       a.state AS state,
       extract(epoch FROM clock_timestamp() - a.xact_start)::int8 AS age_seconds,
       left(regexp_replace(a.query, '\s+', ' ', 'g'), 200) AS query
FROM (SELECT DISTINCT unnest(pg_blocking_pids($1)) AS pid) AS b
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid
ORDER BY b.pid
