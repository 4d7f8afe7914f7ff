-- Run it as a role that sees every row and may become the application's, in a database with pgTAP (CREATE EXTENSION pgtap):
--   pg_prove -d DATABASE FILE     or     psql -X -d DATABASE -f FILE
-- Everything is rolled back. Tenants are chosen from the rows that are there; where fewer than two have rows, attacks are skipped.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only true
\pset pager off
BEGIN;
SET LOCAL client_min_messages = warning;
-- The questions to the catalog look dear to the planner and are not: to compile them takes longer than to ask them.
SET LOCAL jit = off;
SET LOCAL lock_timeout = '5s';
SET LOCAL row_security = on;
DO $sql$
DECLARE
  place text := (
    SELECT pg_catalog.quote_ident(n.nspname)
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_roles AS o ON o.oid = p.proowner
    -- Anybody may make a function of this name: only one of those who may do anything anyway is believed to be pgTAP's.
    WHERE p.proname = 'throws_ok' AND (o.rolsuper OR o.rolname = current_user)
    ORDER BY EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e') DESC, n.oid
    LIMIT 1);
BEGIN
  IF place IS NULL THEN
    RAISE 'pgTAP is not installed in this database: CREATE EXTENSION pgtap';
  END IF;
  -- no name of the application is found by accident
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, ' || place || ', pg_temp', true);
END
$sql$;

-- What a statement reaches; nothing when it is refused. It is undone.
CREATE FUNCTION pg_temp.reached(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $sql$
DECLARE
  one text;
  found text[] := '{}';
BEGIN
  FOR one IN EXECUTE statement LOOP
    found := found || one;
  END LOOP;
  RAISE EXCEPTION USING ERRCODE = 'TZ000';
EXCEPTION
  WHEN SQLSTATE 'TZ000' OR insufficient_privilege OR invalid_text_representation THEN
    RETURN QUERY SELECT unnest(found);
END
$sql$;

-- Fails in any case: with the refusal, or because there was none. Either way the statement is undone.
CREATE FUNCTION pg_temp.tried(statement text) RETURNS void LANGUAGE plpgsql AS $sql$
BEGIN
  EXECUTE statement;
  RAISE EXCEPTION 'it was not refused' USING ERRCODE = 'TZ001';
END
$sql$;
