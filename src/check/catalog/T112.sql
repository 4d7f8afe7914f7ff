, vouched AS (
  -- Nobody gains by it: a superuser, the owner of the database, who can become the reader, or whom the operator named.
  SELECT r.oid
  FROM given, how, pg_catalog.pg_roles AS r
  WHERE r.rolsuper OR pg_has_role(r.oid, current_user, how.become) OR j -> 'trusted' ? r.rolname
    OR r.oid = (SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database())
    OR r.oid IN (SELECT c.relowner FROM jsonb_array_elements_text(j -> 'named') AS t JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(t))
), doubtful AS (
  SELECT c.oid, n.nspname, c.relname, c.relowner
  FROM guarded AS g
  JOIN pg_catalog.pg_class AS c ON c.oid = g.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relowner <> n.nspowner AND c.relowner NOT IN (SELECT oid FROM vouched)
)
SELECT DISTINCT quote_ident(d.nspname) || '.' || quote_ident(d.relname) AS object,
  'it belongs to ' || pg_get_userbyid(d.relowner) || ', whose code would run as ' || current_user AS detail
FROM doubtful AS d
-- One owner of everything is the application's; of several nobody can tell which.
WHERE (SELECT count(DISTINCT relowner) FROM doubtful) > 1 OR EXISTS (SELECT FROM guarded WHERE oid NOT IN (SELECT oid FROM doubtful))
ORDER BY 1
