WITH RECURSIVE given AS (
  SELECT $1::jsonb AS j
), family AS (
  SELECT to_regclass(t)::oid AS oid, false AS child
  FROM given, jsonb_array_elements_text(j -> 'targets') AS t
  WHERE to_regclass(t) IS NOT NULL
  UNION
  SELECT i.inhrelid, true
  FROM family AS f
  JOIN pg_catalog.pg_inherits AS i ON i.inhparent = f.oid
), rel AS (
  SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity,
    f.child, (SELECT j ->> 'column' FROM given) AS col
  FROM (SELECT oid, bool_or(child) AS child FROM family GROUP BY oid) AS f
  JOIN pg_catalog.pg_class AS c ON c.oid = f.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
), registry AS (
  SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity,
    false AS child, j ->> 'registry_key' AS col
  FROM given
  JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(j ->> 'registry')
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
), guarded AS (
  SELECT g.*,
    CASE WHEN g.col ~ '^\w+$' THEN '\m' || g.col || '\M' ELSE regexp_replace(quote_ident(g.col), '(\W)', '\\\1', 'g') END AS pattern,
    ARRAY['(' || quote_ident(g.col) || ' = ', '((' || quote_ident(g.col) || ')::text = '] AS pins
  FROM (SELECT * FROM rel UNION ALL SELECT * FROM registry) AS g
), app AS (
  SELECT r.oid, r.rolname, r.rolsuper, r.rolbypassrls
  FROM given, pg_catalog.pg_roles AS r
  WHERE j -> 'roles' ? r.rolname
), policy AS (
  SELECT p.polrelid, p.polname, p.polcmd, p.polpermissive, p.polroles,
    pg_get_expr(p.polqual, p.polrelid) AS reads,
    CASE WHEN p.polcmd IN ('*', 'a', 'w') THEN pg_get_expr(coalesce(p.polwithcheck, p.polqual), p.polrelid) END AS writes
  FROM pg_catalog.pg_policy AS p
), fence AS (
  SELECT DISTINCT g.oid
  FROM guarded AS g
  JOIN policy AS p ON p.polrelid = g.oid
  WHERE NOT p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}'
    AND EXISTS (SELECT FROM unnest(g.pins) AS pin WHERE starts_with(p.reads, pin) AND starts_with(p.writes, pin))
    AND p.reads || p.writes !~ ' OR | IS NULL|COALESCE'
)
