-- A schema of tenantize.tables tables with two tenants each, in the shape the phases leave. A third of them reference the one before.
-- $app stands for the application's role.
CREATE TABLE tenants (id uuid PRIMARY KEY, slug text NOT NULL UNIQUE);
INSERT INTO tenants VALUES ('00000000-0000-4000-8000-00000000000a', 'a'), ('00000000-0000-4000-8000-00000000000b', 'b');
DO $$
DECLARE
  own text := '(SELECT NULLIF(current_setting(''app.tenant_id'', true), '''')::uuid)';
  many int := current_setting('tenantize.tables')::int;
  name text;
BEGIN
  FOR n IN 1..many LOOP
    name := 'items_' || n;
    EXECUTE format('CREATE TABLE %1$I (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL, body text, parent_id bigint,
      tenant_id uuid NOT NULL DEFAULT %2$s REFERENCES tenants, UNIQUE (tenant_id, code), UNIQUE (tenant_id, id))',
      name, 'NULLIF(current_setting(''app.tenant_id'', true), '''')::uuid');
    EXECUTE format('INSERT INTO %I (code, body, parent_id, tenant_id) SELECT ''code '' || i, md5(i::text), CASE WHEN %s THEN i END,
      CASE WHEN i %% 3 = 0 THEN ''00000000-0000-4000-8000-00000000000b'' ELSE ''00000000-0000-4000-8000-00000000000a'' END::uuid
      FROM generate_series(1, 300) AS i', name, CASE WHEN n % 3 = 0 THEN 'true' ELSE 'false' END);
    IF n % 3 = 0 THEN
      EXECUTE format('ALTER TABLE %I ADD FOREIGN KEY (tenant_id, parent_id) REFERENCES %I (tenant_id, id)', name, 'items_' || n - 1);
    END IF;
    EXECUTE format('CREATE POLICY tenancy_fence ON %1$I AS RESTRICTIVE USING (tenant_id = %2$s) WITH CHECK (tenant_id = %2$s)', name, own);
    EXECUTE format('CREATE POLICY tenancy_allow ON %1$I TO $app USING (tenant_id = %2$s) WITH CHECK (tenant_id = %2$s)', name, own);
    EXECUTE format('ALTER TABLE %1$I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %1$I TO $app', name);
  END LOOP;
  EXECUTE format('CREATE POLICY tenancy_fence ON tenants AS RESTRICTIVE USING (id = %1$s) WITH CHECK (id = %1$s)', own);
  EXECUTE format('CREATE POLICY tenancy_read ON tenants FOR SELECT TO $app USING (id = %1$s)', own);
END
$$;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
GRANT SELECT ON tenants TO $app;
ANALYZE;
