-- Functions of the schemas $2 that the role $1 may call, without those of extensions and without triggers.
-- What is volatile and speaks of something that a rollback does not take back is not for calling.
SELECT n.nspname::text AS schema, p.proname::text AS name, p.prosecdef AS definer,
  p.pronargs = p.pronargdefaults AS bare,
  p.provolatile = 'v'
    AND (l.lanname NOT IN ('sql', 'plpgsql')
      OR p.prosrc ~* 'nextval|setval|dblink|http|notify|\mlo_|pg_sleep|\mcopy\M|advisory|\mcommit\M|terminate_backend') AS lasting,
  p.provolatile = 'v' AS volatile,
  EXISTS (
    SELECT
    FROM unnest($3) AS t (name)
    JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(t.name)::oid
    WHERE position(lower(c.relname) IN lower(p.prosrc)) > 0
      OR EXISTS (
        SELECT
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid
          AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid
      )
  ) AS reads
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE p.prokind = 'f'
  AND n.nspname = ANY ($2)
  AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND has_schema_privilege($1, n.oid, 'USAGE')
  AND has_function_privilege($1, p.oid, 'EXECUTE')
  AND NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  )
ORDER BY 1, 2, p.oid
