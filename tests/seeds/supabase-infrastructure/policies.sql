-- Migration 001
CREATE OR REPLACE FUNCTION current_tenant_id()
RETURNS UUID AS $$
BEGIN
  -- Extract tenant_id from Supabase auth.jwt() claims
  RETURN (auth.jwt() ->> 'tenant_id')::UUID;
EXCEPTION
  WHEN OTHERS THEN
    -- Fallback to session setting for service role
    RETURN (current_setting('app.current_tenant_id', true))::UUID;
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

CREATE OR REPLACE FUNCTION set_tenant_context(p_tenant_id UUID)
RETURNS void AS $$
BEGIN
  PERFORM set_config('app.current_tenant_id', p_tenant_id::TEXT, TRUE);
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

CREATE OR REPLACE FUNCTION is_global_admin()
RETURNS BOOLEAN AS $$
BEGIN
  RETURN COALESCE((auth.jwt() ->> 'is_global_admin')::BOOLEAN, FALSE);
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

CREATE OR REPLACE FUNCTION update_updated_at_column()
RETURNS TRIGGER AS $$
BEGIN
  NEW.updated_at = NOW();
  RETURN NEW;
END;
$$ LANGUAGE plpgsql;

CREATE TRIGGER update_tenants_updated_at BEFORE UPDATE ON tenants
  FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

-- Migrations 002 and 003. "No RLS on tenants - access controlled via session context"; tenant_config and permissions have none either.
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY users_self_access ON users
  FOR SELECT
  USING (id = auth.uid());

ALTER TABLE user_sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY sessions_tenant_isolation ON user_sessions
  FOR ALL
  USING (tenant_id = current_tenant_id() OR user_id = auth.uid());

ALTER TABLE tenant_members ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_members_tenant_isolation ON tenant_members
  FOR ALL
  USING (tenant_id = current_tenant_id() OR user_id = auth.uid() OR is_global_admin());

-- Every other table has this one.
ALTER TABLE roles ENABLE ROW LEVEL SECURITY;
CREATE POLICY roles_tenant_isolation ON roles
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE role_permissions ENABLE ROW LEVEL SECURITY;
CREATE POLICY role_permissions_tenant_isolation ON role_permissions
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE cloud_providers ENABLE ROW LEVEL SECURITY;
CREATE POLICY cloud_providers_tenant_isolation ON cloud_providers
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE servers ENABLE ROW LEVEL SECURITY;
CREATE POLICY servers_tenant_isolation ON servers
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE volumes ENABLE ROW LEVEL SECURITY;
CREATE POLICY volumes_tenant_isolation ON volumes
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE snapshots ENABLE ROW LEVEL SECURITY;
CREATE POLICY snapshots_tenant_isolation ON snapshots
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE networks ENABLE ROW LEVEL SECURITY;
CREATE POLICY networks_tenant_isolation ON networks
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE network_servers ENABLE ROW LEVEL SECURITY;
CREATE POLICY network_servers_tenant_isolation ON network_servers
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE floating_ips ENABLE ROW LEVEL SECURITY;
CREATE POLICY floating_ips_tenant_isolation ON floating_ips
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE firewalls ENABLE ROW LEVEL SECURITY;
CREATE POLICY firewalls_tenant_isolation ON firewalls
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE firewall_rules ENABLE ROW LEVEL SECURITY;
CREATE POLICY firewall_rules_tenant_isolation ON firewall_rules
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE firewall_servers ENABLE ROW LEVEL SECURITY;
CREATE POLICY firewall_servers_tenant_isolation ON firewall_servers
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE load_balancers ENABLE ROW LEVEL SECURITY;
CREATE POLICY load_balancers_tenant_isolation ON load_balancers
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE load_balancer_targets ENABLE ROW LEVEL SECURITY;
CREATE POLICY lb_targets_tenant_isolation ON load_balancer_targets
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE dns_zones ENABLE ROW LEVEL SECURITY;
CREATE POLICY dns_zones_tenant_isolation ON dns_zones
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE dns_records ENABLE ROW LEVEL SECURITY;
CREATE POLICY dns_records_tenant_isolation ON dns_records
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

ALTER TABLE provider_resource_map ENABLE ROW LEVEL SECURITY;
CREATE POLICY provider_resource_map_tenant_isolation ON provider_resource_map
  FOR ALL
  USING (tenant_id = current_tenant_id() OR is_global_admin());

-- "Post-Migration Tasks"
CREATE OR REPLACE FUNCTION cleanup_expired_sessions()
RETURNS void AS $$
BEGIN
  DELETE FROM user_sessions WHERE expires_at < NOW();
END;
$$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION seed_default_roles(p_tenant_id UUID)
RETURNS void AS $$
BEGIN
  INSERT INTO roles (tenant_id, slug, is_system)
  VALUES (p_tenant_id, 'owner', TRUE), (p_tenant_id, 'admin', TRUE), (p_tenant_id, 'viewer', TRUE);
END;
$$ LANGUAGE plpgsql;

-- "Grant schema usage", and what Supabase grants on every table by default.
GRANT USAGE ON SCHEMA public TO $authenticated;
GRANT USAGE ON SCHEMA public TO $service_role;
GRANT USAGE ON SCHEMA public TO $anon;
GRANT ALL ON ALL TABLES IN SCHEMA public TO $authenticated, $anon, $service_role;
