SELECT r.rolname AS object,
  'policies bind it on ' || CASE WHEN count(*) > 3 THEN count(*) || ' of its tables' ELSE string_agg(g.name, ', ' ORDER BY g.name) END
    || ': pg_dump as this role fails, or with --enable-row-security copies nothing' AS detail
FROM given, guarded AS g
JOIN pg_catalog.pg_roles AS r ON r.oid = g.relowner AND r.rolcanlogin AND NOT r.rolsuper AND NOT r.rolbypassrls
WHERE g.relrowsecurity AND g.relforcerowsecurity
  -- Somebody has said who makes the backups.
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_roles AS b
    WHERE j -> 'trusted' ? b.rolname AND (b.rolsuper OR b.rolbypassrls) AND has_table_privilege(b.oid, g.oid, 'SELECT'))
GROUP BY 1
ORDER BY 1
