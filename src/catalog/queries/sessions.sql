SELECT jsonb_build_object('role', a.usename, 'application', coalesce(a.application_name, ''), 'count', count(*)) AS data
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = current_database() AND a.usename IS NOT NULL
  AND coalesce(a.backend_type, 'client backend') = 'client backend'
  AND coalesce(a.application_name, '') !~ '^tenantize'
GROUP BY a.usename, coalesce(a.application_name, '')
ORDER BY a.usename, coalesce(a.application_name, '')
