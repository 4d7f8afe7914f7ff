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
    f.child, (SELECT j ->> 'column' FROM given) AS col, c.relname
  FROM (SELECT oid, bool_or(child) AS child FROM family GROUP BY oid) AS f
  JOIN pg_catalog.pg_class AS c ON c.oid = f.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
), registry AS (
  SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity,
    false AS child, j ->> 'registry_key' AS col, c.relname
  FROM given
  JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(j ->> 'registry')
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
), guarded AS (
  SELECT g.*,
    CASE WHEN g.col ~ '^\w+$' THEN '\m' || g.col || '\M' ELSE regexp_replace(quote_ident(g.col), '(\W)', '\\\1', 'g') END AS pattern,
    -- The column itself and not one of that name of another table: PostgreSQL prints those of sub-selects with their table.
    '(^|[^[:alnum:]_".])(' || regexp_replace(quote_ident(g.relname), '(\W)', '\\\1', 'g') || '\.)?'
      || regexp_replace(quote_ident(g.col), '(\W)', '\\\1', 'g') || '($|[^[:alnum:]_"])' AS own,
    -- The row's column, or all of the row, in a sub-select: PostgreSQL prints it with the table's name, which nothing else there has.
    '(^|[^[:alnum:]_".])' || regexp_replace(quote_ident(g.relname), '(\W)', '\\\1', 'g')
      || '\.(\*|' || regexp_replace(quote_ident(g.col), '(\W)', '\\\1', 'g') || '($|[^[:alnum:]_"]))' AS slipped,
    ARRAY['(' || quote_ident(g.col) || ' = ', '((' || quote_ident(g.col) || ')::text = ',
      '(' || quote_ident(g.col) || ' IN (', '((' || quote_ident(g.col) || ')::text IN ('] AS pins
  FROM (SELECT * FROM rel UNION ALL SELECT * FROM registry) AS g
), app AS (
  SELECT r.oid, r.rolname, r.rolsuper, r.rolbypassrls
  FROM given, pg_catalog.pg_roles AS r
  WHERE j -> 'roles' ? r.rolname
), policy AS (
  SELECT p.oid, p.polrelid, p.polname, p.polcmd, p.polpermissive, p.polroles,
    pg_get_expr(p.polqual, p.polrelid) AS reads,
    CASE WHEN p.polcmd IN ('*', 'a', 'w') THEN pg_get_expr(coalesce(p.polwithcheck, p.polqual), p.polrelid) END AS writes,
    -- Whether it speaks to the application.
    p.polroles = '{0}' OR NOT EXISTS (SELECT FROM app)
      OR EXISTS (SELECT FROM app, unnest(p.polroles) AS r WHERE pg_has_role(app.oid, r, 'USAGE')) AS heard
  FROM pg_catalog.pg_policy AS p
), pinned AS (
  -- What each side of a restrictive policy compares the tenant column with. Literals may hold anything, also what looks like a call.
  SELECT g.oid, p.oid AS policy, g.own, g.slipped, regexp_replace(substr(s.text, length(pin) + 1), '''([^'']|'''')*''', '''''', 'g') AS other
  FROM guarded AS g
  JOIN policy AS p ON p.polrelid = g.oid
  CROSS JOIN LATERAL (VALUES (p.reads), (p.writes)) AS s (text)
  JOIN LATERAL unnest(g.pins) AS pin ON starts_with(s.text, pin)
  WHERE NOT p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}'
), fence AS (
  -- Both sides ask something that differs from session to session: a setting, a function of somebody's own that is not immutable, or
  -- who the user is. What PostgreSQL's other functions answer, such as the time, is the same for everybody.
  SELECT DISTINCT s.oid
  FROM pinned AS s
  WHERE s.other !~ ' OR | IS NULL|COALESCE|^ALL \('
    AND s.other !~ CASE WHEN s.other ~ '\mSELECT ' THEN s.slipped ELSE s.own END
    AND (s.other ~ '\m(CURRENT_USER|CURRENT_ROLE|SESSION_USER|SYSTEM_USER|USER)\M' OR EXISTS (
      SELECT FROM regexp_matches(s.other, '(?:("(?:[^"]|"")+"|[[:alnum:]_$]+)\.)?("(?:[^"]|"")+"|[[:alnum:]_$]+)\(', 'g') AS call
      JOIN pg_catalog.pg_proc AS f ON f.proname = replace(btrim(call[2], '"'), '""', '"')
      WHERE f.pronamespace::regnamespace::text = coalesce(call[1], 'pg_catalog')
        AND CASE WHEN f.pronamespace = 'pg_catalog'::regnamespace THEN f.proname = 'current_setting' ELSE f.provolatile <> 'i' END))
  GROUP BY s.oid, s.policy
  HAVING count(*) = 2
), how AS (
  -- Since PostgreSQL 16 a member may be one without the right to SET ROLE.
  SELECT CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END AS become
), unbound AS (
  -- Whose rights, lent by a view, a rule or a function, let rows of every tenant pass.
  SELECT r.oid, r.rolname
  FROM pg_catalog.pg_roles AS r
  WHERE r.rolsuper OR r.rolbypassrls
    OR EXISTS (SELECT FROM guarded AS g WHERE NOT g.relforcerowsecurity AND pg_has_role(r.oid, g.relowner, 'USAGE'))
), view AS (
  SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind, c.relowner, c.relnamespace,
    EXISTS (SELECT FROM pg_options_to_table(c.reloptions) AS o WHERE o.option_name = 'security_invoker' AND o.option_value::boolean) AS invoker
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
), reads AS (
  SELECT DISTINCT w.ev_class AS view, d.refobjid AS relation
  FROM pg_catalog.pg_rewrite AS w
  JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> w.ev_class
  WHERE w.ev_type = '1'
), route AS (
  -- Every view that a role of the application reaches, also through others, and with whose rights it reads then.
  SELECT app.oid AS app, view.oid, CASE WHEN view.invoker THEN app.oid ELSE view.relowner END AS who, view.name AS entry
  FROM app, view
  WHERE has_schema_privilege(app.oid, view.relnamespace, 'USAGE') AND has_any_column_privilege(app.oid, view.oid, 'SELECT')
  UNION
  SELECT r.app, v.oid, CASE WHEN v.invoker THEN r.who ELSE v.relowner END, r.entry
  FROM route AS r
  JOIN view AS outer_view ON outer_view.oid = r.oid AND outer_view.relkind = 'v'
  JOIN reads ON reads.view = r.oid
  JOIN view AS v ON v.oid = reads.relation
  WHERE has_any_column_privilege(r.who, v.oid, 'SELECT')
)
