SELECT g.name AS object, 'the policy ' || p.polname || CASE
    WHEN p.reads = 'true' AND p.writes = 'true' THEN ' lets everything be read and written'
    WHEN p.reads = 'true' THEN ' lets everything be read'
    ELSE ' lets everything be written' END AS detail
FROM guarded AS g
JOIN policy AS p ON p.polrelid = g.oid
WHERE p.polpermissive AND (p.reads = 'true' OR p.writes = 'true')
ORDER BY 1, 2
