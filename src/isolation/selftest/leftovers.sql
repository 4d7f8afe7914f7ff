-- What a killed self-test left behind, and was made ten minutes ago or earlier: the time is part of the name.
-- A self-test that still runs has a session with the name of what it made, without the end.
SELECT kind, name
FROM (
  SELECT 'database' AS kind, d.datname::text AS name, pg_has_role(d.datdba, 'USAGE') AS ours,
    EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS s WHERE s.datid = d.oid) AS busy
  FROM pg_catalog.pg_database AS d
  UNION ALL
  SELECT 'role', r.rolname::text, true, EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS s WHERE s.usesysid = r.oid)
  FROM pg_catalog.pg_roles AS r
) AS made
WHERE name ~ '^tenantize_selftest_\d{10}_[0-9a-f]{8}_' AND ours AND NOT busy
  AND to_timestamp((regexp_match(name, '^tenantize_selftest_(\d{10})_'))[1]::bigint) < now() - interval '10 minutes'
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_stat_activity AS s
    WHERE s.application_name = (regexp_match(name, '^tenantize_selftest_\d{10}_[0-9a-f]{8}_'))[1]
  )
ORDER BY kind, name
