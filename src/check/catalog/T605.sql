SELECT g.name AS object, 'everyone may ' || string_agg(DISTINCT x.privilege_type, ', ') AS detail
FROM guarded AS g
CROSS JOIN LATERAL (
  SELECT e.privilege_type FROM aclexplode(g.relacl) AS e WHERE e.grantee = 0
  UNION ALL
  SELECT e.privilege_type || ' (' || a.attname || ')'
  FROM pg_catalog.pg_attribute AS a
  CROSS JOIN LATERAL aclexplode(a.attacl) AS e
  WHERE a.attrelid = g.oid AND NOT a.attisdropped AND e.grantee = 0) AS x
GROUP BY 1
ORDER BY 1
