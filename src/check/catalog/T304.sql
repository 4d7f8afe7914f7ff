, setting AS (
  SELECT coalesce('role ' || r.rolname, 'database ' || current_database()) AS object, c AS text
  FROM pg_catalog.pg_db_role_setting AS s
  CROSS JOIN LATERAL unnest(s.setconfig) AS c
  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
  WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()))
    AND (s.setrole = 0
      OR s.setrole IN (SELECT oid FROM app)
      OR (NOT r.rolsuper AND EXISTS (SELECT FROM app WHERE pg_has_role(s.setrole, app.oid, 'MEMBER'))))
  UNION ALL
  SELECT 'function ' || n.nspname || '.' || p.proname, c
  FROM given, pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
  CROSS JOIN LATERAL unnest(p.proconfig) AS c
  WHERE j -> 'schemas' ? n.nspname OR n.nspname = 'tenancy'
)
SELECT object, text || ' is set beforehand' AS detail
FROM setting
WHERE text ~* '^(row_security=off|session_replication_role=)'
  OR EXISTS (SELECT FROM given, jsonb_array_elements_text(j -> 'settings') AS s WHERE lower(split_part(text, '=', 1)) = lower(s))
ORDER BY 1, 2
