, asked AS (
  -- What policies and defaults of the tenant column call, and the function of the session's tenant.
  SELECT f.oid, n.nspname || '.' || f.proname || '(' || pg_get_function_identity_arguments(f.oid) || ')' AS name, f.proowner, f.provolatile,
    coalesce(pg_get_function_sqlbody(f.oid), f.prosrc) AS body
  FROM pg_catalog.pg_proc AS f
  JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
  WHERE f.oid = to_regprocedure('tenancy.current_tenant_id()')
    OR EXISTS (
      SELECT
      FROM pg_catalog.pg_depend AS d
      LEFT JOIN pg_catalog.pg_policy AS p ON d.classid = 'pg_catalog.pg_policy'::regclass AND p.oid = d.objid
      LEFT JOIN pg_catalog.pg_attrdef AS a ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND a.oid = d.objid
      WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid = f.oid
        AND coalesce(p.polrelid, a.adrelid) IN (SELECT oid FROM guarded))
)
SELECT name AS object, CASE
    WHEN body ~* 'when\s+others' THEN 'whatever fails in it becomes an answer'
    ELSE 'it falls back to another answer where there is none' END AS detail
FROM asked
-- Supabase's auth.jwt() and auth.uid() take the first of two settings: that is no default.
WHERE (body ~* 'when\s+others' OR (body ~* '\mcoalesce\s*\(' AND name !~ '^auth\.'))
  AND body ~* 'current_setting|current_tenant|jwt|auth|\mtenant'
ORDER BY 1
