-- The document names policies and shows none; these do what it says of them: "Tenant isolation", "User access control".
-- "003_rls_policies.sql: basic RLS policies for core tables"
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE levels ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_wallets ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON tenants USING (id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY tenant_isolation ON users USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY tenant_isolation ON levels USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY tenant_isolation ON token_wallets USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);

-- "010_rls_policies_enhanced.sql: enhanced access control": meant to be narrower, and added to the basic ones.
CREATE POLICY tenant_isolation_enhanced ON users
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid AND NOT is_private);
CREATE POLICY tenant_isolation_enhanced ON token_wallets
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid AND balance > 0);

-- The document names no role but postgres.
GRANT USAGE ON SCHEMA public TO $app_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO $app_role;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO $app_role;
