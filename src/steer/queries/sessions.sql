-- Sessions of others in this database. Those of other roles hide what they do without pg_monitor.
SELECT count(*) FILTER (WHERE a.state = 'active') AS active, count(*) FILTER (WHERE a.state IS NULL) AS hidden
FROM pg_catalog.pg_stat_activity AS a
WHERE a.backend_type = 'client backend' AND a.datname = current_database() AND a.application_name NOT LIKE 'tenantize%'
