SELECT jsonb_build_object(
  'owner', pg_get_userbyid(a.defaclrole),
  'schema', n.nspname,
  'grantee', r.rolname,
  'privilege', g.privilege_type,
  'grantable', g.is_grantable
) AS data
FROM pg_catalog.pg_default_acl AS a
CROSS JOIN LATERAL aclexplode(a.defaclacl) AS g
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = a.defaclnamespace
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.grantee
WHERE a.defaclobjtype = 'r' AND g.grantee <> a.defaclrole
ORDER BY pg_get_userbyid(a.defaclrole), n.nspname NULLS FIRST, r.rolname NULLS FIRST, g.privilege_type
