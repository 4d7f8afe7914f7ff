SELECT name AS object, 'row-level security is on, but no policy lets anybody pass' AS detail
FROM guarded AS g
WHERE relrowsecurity AND NOT EXISTS (SELECT FROM policy AS p WHERE p.polrelid = g.oid AND p.polpermissive)
ORDER BY 1
