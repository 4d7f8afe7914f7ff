-- Plans a SELECT, INSERT, UPDATE and DELETE on each relation of the setting tenantize.relations (schema, name, tenant column), as far as this
-- session has the right, and leaves plans and refusals in tenantize.plans. EXPLAIN executes nothing.
DO $queries$
DECLARE
  query record;
  plan json;
  outcome jsonb;
  outcomes jsonb[] := '{}';
BEGIN
  FOR query IN
    SELECT r.nr, n.nspname || '.' || c.relname AS relation, r.name ->> 2 AS tenant_column, k.command,
      format(k.text, quote_ident(n.nspname) || '.' || quote_ident(c.relname), quote_ident(a.attname)) AS sql
    FROM jsonb_array_elements(current_setting('tenantize.relations')::jsonb) WITH ORDINALITY AS r (name, nr)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = r.name ->> 0
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = r.name ->> 1
    CROSS JOIN (VALUES
      (1, 'SELECT', 'SELECT %2$s FROM %1$s'),
      (2, 'INSERT', 'INSERT INTO %1$s (%2$s) VALUES (DEFAULT)'),
      (3, 'UPDATE', 'UPDATE %1$s SET %2$s = DEFAULT'),
      (4, 'DELETE', 'DELETE FROM %1$s')) AS k (nr, command, text)
    -- Any column that the session may name; DEFAULT is right for each, also for those that are generated.
    CROSS JOIN LATERAL (
      SELECT a.attname
      FROM pg_catalog.pg_attribute AS a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND CASE k.command WHEN 'DELETE' THEN has_table_privilege(c.oid, 'DELETE') ELSE has_column_privilege(c.oid, a.attnum, k.command) END
      ORDER BY a.attnum
      LIMIT 1) AS a
    WHERE has_schema_privilege(n.oid, 'USAGE')
    ORDER BY r.nr, k.nr
  LOOP
    BEGIN
      EXECUTE 'EXPLAIN (FORMAT JSON, COSTS off) ' || query.sql INTO plan;
      outcome := jsonb_build_object('plan', plan);
    EXCEPTION WHEN OTHERS THEN
      outcome := jsonb_build_object('state', SQLSTATE, 'message', SQLERRM);
    END;
    outcomes := outcomes || (outcome || jsonb_build_object('relation', query.relation, 'column', query.tenant_column, 'command', query.command));
  END LOOP;
  PERFORM set_config('tenantize.plans', to_jsonb(outcomes)::text, true);
END
$queries$
