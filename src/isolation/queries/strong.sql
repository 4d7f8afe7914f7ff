-- Whether the session's role is or can become a superuser, or one that sees every row, makes roles or reaches the server.
SELECT EXISTS (
  SELECT FROM pg_catalog.pg_roles AS r
  WHERE (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolreplication
      OR r.rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files', 'pg_read_all_data', 'pg_write_all_data'))
    AND pg_has_role(session_user, r.oid, 'MEMBER')
) AS strong
