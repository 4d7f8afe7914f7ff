SELECT jsonb_build_object(
  'version', current_setting('server_version_num')::int,
  'database', current_database(),
  'role', current_user,
  'superuser', r.rolsuper,
  'bypass_rls', r.rolsuper OR r.rolbypassrls,
  'create_role', r.rolsuper OR r.rolcreaterole,
  'create_schema', has_database_privilege(current_database(), 'CREATE'),
  'suppress_triggers', r.rolsuper
) AS data
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = current_user
