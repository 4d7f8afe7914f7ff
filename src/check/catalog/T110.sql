SELECT n.nspname || '.' || c.relname AS object, 'a copy or map that ' || string_agg(DISTINCT coalesce(r.rolname, 'everyone'), ', ') || ' may read' AS detail
FROM given, pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL aclexplode(c.relacl) AS g
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.grantee
WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
  AND g.grantee <> c.relowner AND g.privilege_type = 'SELECT'
  AND (g.grantee = 0 OR NOT r.rolsuper)
  AND c.oid NOT IN (SELECT oid FROM guarded)
  AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(j -> 'shared') AS s WHERE to_regclass(s) = c.oid)
  AND (n.nspname = 'tenantize_backup'
    -- The staged maps tell which key belongs to which tenant.
    OR (n.nspname = 'tenantize' AND EXISTS (
      SELECT FROM app WHERE has_schema_privilege(app.oid, n.oid, 'USAGE') AND (g.grantee = 0 OR pg_has_role(app.oid, g.grantee, 'USAGE'))))
    OR (j -> 'schemas' ? n.nspname AND NOT c.relrowsecurity AND c.relname ~ '(_backup|_bak|_old|_copy|_[0-9]{8})$'))
GROUP BY 1
ORDER BY 1
