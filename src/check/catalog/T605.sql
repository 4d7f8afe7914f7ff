SELECT g.name AS object, 'everyone may ' || string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type) AS detail
FROM guarded AS g
CROSS JOIN LATERAL aclexplode(g.relacl) AS x
WHERE x.grantee = 0
GROUP BY 1
ORDER BY 1
