-- Who keeps dead row versions from being removed: what is younger than half a minute is nobody's fault.
SELECT h.kind AS kind, h.name AS name, h.pid AS pid, h.age_seconds AS age_seconds
FROM (
  SELECT 'transaction' AS kind, concat_ws(' ', a.usename, nullif(a.application_name, ''), '(' || a.state || ')') AS name,
    a.pid AS pid, extract(epoch FROM now() - a.xact_start)::bigint AS age_seconds, age(a.backend_xmin) AS xids
  FROM pg_catalog.pg_stat_activity AS a
  WHERE a.backend_xmin IS NOT NULL AND a.pid <> pg_backend_pid() AND a.application_name NOT LIKE 'tenantize%'
    AND now() - a.xact_start > interval '30 seconds'
  UNION ALL
  SELECT 'replication slot', s.slot_name::text, s.active_pid, NULL, age(s.xmin)
  FROM pg_catalog.pg_replication_slots AS s
  WHERE s.xmin IS NOT NULL AND age(s.xmin) > 1000
  UNION ALL
  SELECT 'prepared transaction', p.gid, NULL, extract(epoch FROM now() - p.prepared)::bigint, age(p.transaction)
  FROM pg_catalog.pg_prepared_xacts AS p
  WHERE now() - p.prepared > interval '30 seconds'
  UNION ALL
  SELECT 'standby with feedback', r.application_name, r.pid, NULL, age(r.backend_xmin)
  FROM pg_catalog.pg_stat_replication AS r
  WHERE r.backend_xmin IS NOT NULL AND age(r.backend_xmin) > 1000
) AS h
ORDER BY h.xids DESC, h.kind, h.name
LIMIT 3
