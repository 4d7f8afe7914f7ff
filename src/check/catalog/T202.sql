SELECT g.name || ' (' || p.polname || ')' AS object,
  CASE WHEN p.reads !~ g.pattern THEN 'USING' ELSE 'WITH CHECK' END || ' never asks for ' || g.col || ', and there is no fence' AS detail
FROM guarded AS g
JOIN policy AS p ON p.polrelid = g.oid
WHERE g.relrowsecurity AND p.polpermissive
  AND (p.reads !~ g.pattern OR p.writes !~ g.pattern OR (p.polcmd = 'a' AND p.writes IS NULL))
  AND NOT EXISTS (SELECT FROM fence AS f WHERE f.oid = g.oid)
ORDER BY 1
