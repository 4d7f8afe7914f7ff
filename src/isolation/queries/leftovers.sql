SELECT r.rolname::text AS text
FROM pg_catalog.pg_roles AS r
WHERE starts_with(r.rolname, 'tenantize_probe_')
  AND r.rolvaliduntil < now() + interval '8 minutes'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS s WHERE s.usename = r.rolname)
ORDER BY 1
