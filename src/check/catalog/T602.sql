SELECT app.rolname AS object, 'it is or can become the owner of ' || string_agg(g.name, ', ' ORDER BY g.name) AS detail
FROM app
JOIN guarded AS g ON pg_has_role(app.oid, g.relowner, 'MEMBER')
WHERE NOT app.rolsuper
GROUP BY 1
ORDER BY 1
