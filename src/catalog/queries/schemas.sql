SELECT jsonb_build_object(
  'name', n.nspname,
  'usage', coalesce((
    SELECT jsonb_agg(DISTINCT r.rolname)
    FROM aclexplode(n.nspacl) AS g
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.grantee
    WHERE g.privilege_type = 'USAGE'), '[]'),
  'owned', pg_has_role(n.nspowner, 'USAGE'),
  'create', has_schema_privilege(n.oid, 'CREATE'),
  'relations', coalesce((
    SELECT jsonb_agg(c.relname ORDER BY c.relname)
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = n.oid AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'), '[]'),
  'functions', coalesce((
    SELECT jsonb_agg(DISTINCT p.proname)
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = n.oid AND p.pronargs = 0 AND p.prokind = 'f' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'), '[]')
) AS data
FROM pg_catalog.pg_namespace AS n
WHERE n.nspname !~ '^pg_(temp|toast)'
ORDER BY n.nspname
