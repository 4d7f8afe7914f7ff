, asked AS (
  -- What is read for itself. Who creates a foreign key vouches for the table that it leads to.
  SELECT g.oid FROM guarded AS g WHERE NOT g.child
), below AS (
  SELECT oid AS root, oid FROM asked
  UNION
  SELECT b.root, i.inhrelid
  FROM below AS b
  JOIN pg_catalog.pg_inherits AS i ON i.inhparent = b.oid
), named AS (
  -- Nobody gains by it: a superuser, the owner of the database, who can become the reader, or whom the operator named.
  SELECT r.oid
  FROM given, how, pg_catalog.pg_roles AS r
  WHERE r.rolsuper OR pg_has_role(r.oid, current_user, how.become) OR j -> 'trusted' ? r.rolname OR j -> 'owners' ? r.rolname
    OR r.oid = (SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database())
    -- Or of whom somebody else has made the reader a member: up to PostgreSQL 15 a role can do that itself.
    OR EXISTS (
      SELECT FROM pg_catalog.pg_auth_members AS m
      WHERE m.roleid = r.oid AND m.grantor <> r.oid AND pg_has_role(m.member, 'MEMBER')
        AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user))
), known AS (
  SELECT r.oid
  FROM how, pg_catalog.pg_roles AS r
  WHERE EXISTS (SELECT FROM named WHERE pg_has_role(r.oid, named.oid, how.become))
), part AS (
  SELECT b.root, c.oid, n.nspname, c.relname, c.relowner, n.oid AS schema,
    c.relowner = n.nspowner OR c.relowner IN (SELECT oid FROM known) AS vouched
  FROM below AS b
  JOIN pg_catalog.pg_class AS c ON c.oid = b.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
), sole AS (
  -- One owner of everything is the application's, unless what was found may be a stranger's alone; of several nobody can tell which.
  SELECT DISTINCT p.relowner
  FROM given, part AS p
  WHERE (SELECT count(DISTINCT relowner) = 1 AND bool_and(NOT vouched) FROM part)
    AND NOT ((j ->> 'found')::boolean AND EXISTS (SELECT FROM part WHERE has_schema_privilege('public', part.schema, 'CREATE')))
), doubtful AS (
  SELECT * FROM part WHERE NOT vouched AND relowner NOT IN (SELECT relowner FROM sole)
)
