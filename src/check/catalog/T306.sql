, called AS (
  -- Functions of the operator that a role of the application may call, without those of extensions and of tenantize.
  SELECT f.oid, n.nspname || '.' || f.proname || '(' || pg_get_function_identity_arguments(f.oid) || ')' AS name, f.prosecdef, f.proowner, f.proconfig,
    f.proargnames, f.pronargs, coalesce(pg_get_function_sqlbody(f.oid), f.prosrc) AS body, string_agg(app.rolname, ', ' ORDER BY app.rolname) AS roles
  FROM pg_catalog.pg_proc AS f
  JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
  JOIN app ON NOT app.rolsuper AND has_schema_privilege(app.oid, n.oid, 'USAGE') AND has_function_privilege(app.oid, f.oid, 'EXECUTE')
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'tenancy', 'tenantize')
    AND f.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
    AND NOT EXISTS (
      SELECT
      FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e')
  GROUP BY f.oid, n.nspname
)
SELECT name AS object, roles || ' may call it, and it runs a text that it puts together' AS detail
FROM called
WHERE prosecdef AND body ~* '\mexecute\M' AND body ~* 'format\s*\(|\|\||\mconcat|\mexecute\s+\w+\s*(;|into|using)'
ORDER BY 1
