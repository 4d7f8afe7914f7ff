SELECT g.name || ' (' || p.polname || ')' AS object,
  CASE WHEN p.reads !~ g.own THEN 'USING' ELSE 'WITH CHECK' END || ' never asks for ' || g.col || ' of the row, and there is no fence' AS detail
FROM guarded AS g
JOIN policy AS p ON p.polrelid = g.oid
WHERE g.relrowsecurity AND p.polpermissive AND p.heard
  AND (p.reads !~ g.own OR p.writes !~ g.own OR (p.polcmd = 'a' AND p.writes IS NULL))
  AND NOT EXISTS (SELECT FROM fence AS f WHERE f.oid = g.oid)
ORDER BY 1
