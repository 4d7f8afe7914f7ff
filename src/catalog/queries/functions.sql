SELECT jsonb_build_object(
  'name', '"' || replace(n.nspname, '"', '""') || '"."' || replace(p.proname, '"', '""') || '"',
  'arguments', pg_get_function_identity_arguments(p.oid),
  'owner', pg_get_userbyid(p.proowner),
  'language', l.lanname,
  'definer', p.prosecdef,
  'trigger', p.prorettype IN ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype),
  'execute', coalesce((
    SELECT jsonb_agg(DISTINCT r.rolname)
    FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS g
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.grantee
    WHERE g.privilege_type = 'EXECUTE'), '[]'),
  'source', coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
) AS data
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tenantize', 'tenancy')
  AND l.lanname NOT IN ('internal', 'c')
  AND p.prokind IN ('f', 'p')
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)
