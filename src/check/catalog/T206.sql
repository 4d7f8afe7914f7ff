SELECT g.name || ' (' || p.polname || ')' AS object, 'USING asks for ' || g.col || ', WITH CHECK does not: ' || left(p.writes, 80) AS detail
FROM guarded AS g
JOIN policy AS p ON p.polrelid = g.oid
WHERE g.relrowsecurity AND p.heard AND p.polcmd IN ('*', 'w')
  AND p.reads ~ g.own AND p.writes !~ g.own
  AND NOT EXISTS (SELECT FROM fence AS f WHERE f.oid = g.oid)
ORDER BY 1
