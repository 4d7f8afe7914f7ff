CREATE TEMPORARY TABLE leftover AS
SELECT d.datname
FROM pg_database d
CROSS JOIN LATERAL pg_stat_file('base/' || d.oid || '/PG_VERSION', true) AS file
WHERE d.datname ~ '^t_[0-9]+_[0-9]+$'
  AND file.modification < now() - interval '1 hour';

SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', datname)
FROM leftover
ORDER BY datname
\gexec

SELECT format('DROP OWNED BY %1$I; DROP ROLE IF EXISTS %1$I', r.rolname)
FROM leftover l
JOIN pg_roles r ON starts_with(r.rolname, l.datname || '_')
ORDER BY r.rolname
\gexec
