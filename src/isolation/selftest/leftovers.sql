-- What a killed self-test left behind an hour ago or earlier: the time is part of the name.
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
  AND to_timestamp((regexp_match(name, '^tenantize_selftest_(\d{10})_'))[1]::bigint) < now() - interval '1 hour'
ORDER BY kind, name
