SELECT 'tables that ' || o.rolname || ' creates' || coalesce(' in ' || n.nspname, '') AS object,
  coalesce(r.rolname, 'everyone') || ' may ' || string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type) || ' at once, before any policy is there' AS detail
FROM given, pg_catalog.pg_default_acl AS d
JOIN pg_catalog.pg_roles AS o ON o.oid = d.defaclrole
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = d.defaclnamespace
CROSS JOIN LATERAL aclexplode(d.defaclacl) AS x
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = x.grantee
WHERE d.defaclobjtype = 'r' AND x.grantee <> d.defaclrole
  AND (d.defaclnamespace = 0 OR j -> 'schemas' ? n.nspname OR n.nspname = 'tenantize_backup')
  AND (x.grantee = 0 OR EXISTS (SELECT FROM app WHERE NOT app.rolsuper AND pg_has_role(app.oid, x.grantee, 'USAGE')))
GROUP BY 1, r.rolname
ORDER BY 1, 2
