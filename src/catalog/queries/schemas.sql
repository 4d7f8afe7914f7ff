SELECT jsonb_build_object(
  'name', n.nspname,
  'usage', coalesce((
    SELECT jsonb_agg(DISTINCT r.rolname)
    FROM aclexplode(n.nspacl) AS g
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.grantee
    WHERE g.privilege_type = 'USAGE'), '[]'),
  'owner', pg_get_userbyid(n.nspowner),
  'owned', pg_has_role(n.nspowner, 'USAGE'),
  'create', has_schema_privilege(n.oid, 'CREATE'),
  'creators', coalesce((
    SELECT jsonb_agg(jsonb_build_object('grantee', c.grantee, 'grantable', c.grantable, 'others', c.others) ORDER BY c.grantee)
    FROM (
      SELECT r.rolname AS grantee, bool_or(g.is_grantable) AS grantable,
        coalesce(jsonb_agg(DISTINCT pg_get_userbyid(g.grantor)) FILTER (WHERE g.grantor <> n.nspowner), '[]') AS others
      FROM aclexplode(n.nspacl) AS g
      LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.grantee
      WHERE g.privilege_type = 'CREATE' AND g.grantee <> n.nspowner
        AND NOT coalesce(r.rolsuper, false) AND r.rolname IS DISTINCT FROM current_user
      GROUP BY r.rolname
    ) AS c), '[]'),
  'in_path', n.nspname IN (
    SELECT unnest(string_to_array(replace(replace(coalesce(
      (SELECT substr(c, 13) FROM pg_catalog.pg_db_role_setting AS s CROSS JOIN LATERAL unnest(s.setconfig) AS c
       WHERE s.setrole = 0 AND s.setdatabase = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
         AND starts_with(c, 'search_path=')),
      (SELECT boot_val FROM pg_catalog.pg_settings WHERE name = 'search_path')), '"', ''), ' ', ''), ','))),
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
