SELECT g.name AS object, 'no restrictive policy for everyone and every command pins ' || g.col AS detail
FROM guarded AS g
WHERE g.relrowsecurity AND NOT g.child AND NOT EXISTS (SELECT FROM fence AS f WHERE f.oid = g.oid)
ORDER BY 1
