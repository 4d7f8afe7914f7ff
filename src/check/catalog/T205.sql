SELECT g.name AS object, 'its policies only take away: ' || string_agg(p.polname, ', ' ORDER BY p.polname) AS detail
FROM guarded AS g
JOIN policy AS p ON p.polrelid = g.oid
WHERE g.relrowsecurity
GROUP BY g.name
HAVING NOT bool_or(p.polpermissive)
ORDER BY 1
