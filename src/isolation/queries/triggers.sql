-- Triggers on the relations $1 whose functions speak of something that a rollback does not take back.
SELECT format('%s: the trigger %s calls %s, which may leave something that no rollback takes back', c.oid::regclass, t.tgname, p.proname) AS text
FROM unnest($1) AS r (name)
JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(r.name)::oid
JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = c.oid
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE NOT t.tgisinternal
  AND t.tgenabled IN ('O', 'A')
  AND (l.lanname NOT IN ('sql', 'plpgsql', 'internal') OR p.prosrc ~* 'nextval|setval|dblink|http|\mlo_|\mprogram\M|advisory|terminate_backend')
ORDER BY 1
