-- Migrations 001 to 006 and 013 (007 to 012 are only announced), with the columns and keys that matter here.
CREATE TABLE tenants (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  slug text NOT NULL UNIQUE,
  tax_number text,
  billing_email text,
  plan text NOT NULL DEFAULT 'free' CHECK (plan IN ('free', 'starter', 'pro', 'enterprise')),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE tenant_config (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  mfa_required boolean DEFAULT false,
  max_servers int DEFAULT 10,
  CONSTRAINT unique_tenant_config UNIQUE (tenant_id)
);
CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text NOT NULL UNIQUE,
  password_hash text,
  is_global_admin boolean DEFAULT false
);
CREATE TABLE user_sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  tenant_id uuid REFERENCES tenants (id) ON DELETE CASCADE,
  token_hash text NOT NULL UNIQUE,
  expires_at timestamptz NOT NULL
);
CREATE TABLE permissions (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), key text NOT NULL UNIQUE, name text NOT NULL);
CREATE TABLE roles (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  slug text NOT NULL,
  is_system boolean DEFAULT false,
  CONSTRAINT unique_role_per_tenant UNIQUE (tenant_id, slug)
);
CREATE TABLE role_permissions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  role_id uuid NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  permission_id uuid NOT NULL REFERENCES permissions (id) ON DELETE CASCADE,
  tenant_id uuid REFERENCES tenants (id) ON DELETE CASCADE,
  CONSTRAINT unique_role_permission UNIQUE (role_id, permission_id)
);
CREATE TABLE tenant_members (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role_id uuid NOT NULL REFERENCES roles (id),
  status text NOT NULL DEFAULT 'active',
  invited_by uuid REFERENCES users (id),
  CONSTRAINT unique_tenant_member UNIQUE (tenant_id, user_id)
);
CREATE TABLE cloud_providers (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  name text NOT NULL,
  credentials_encrypted jsonb NOT NULL,
  CONSTRAINT unique_provider_per_tenant UNIQUE (tenant_id, name)
);
CREATE TABLE servers (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  cloud_provider_id uuid REFERENCES cloud_providers (id) ON DELETE SET NULL,
  name text NOT NULL
);
CREATE TABLE volumes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  cloud_provider_id uuid REFERENCES cloud_providers (id) ON DELETE SET NULL,
  name text NOT NULL,
  attached_to_server_id uuid REFERENCES servers (id) ON DELETE SET NULL
);
CREATE TABLE snapshots (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  source_id uuid NOT NULL
);
CREATE TABLE networks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  cloud_provider_id uuid REFERENCES cloud_providers (id) ON DELETE SET NULL,
  name text NOT NULL
);
CREATE TABLE network_servers (
  network_id uuid NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
  server_id uuid NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  PRIMARY KEY (network_id, server_id)
);
CREATE TABLE floating_ips (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  cloud_provider_id uuid REFERENCES cloud_providers (id) ON DELETE SET NULL,
  ip_address inet NOT NULL,
  assigned_to_server_id uuid REFERENCES servers (id) ON DELETE SET NULL
);
CREATE TABLE firewalls (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  cloud_provider_id uuid REFERENCES cloud_providers (id) ON DELETE SET NULL,
  name text NOT NULL
);
CREATE TABLE firewall_rules (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  firewall_id uuid NOT NULL REFERENCES firewalls (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  direction text NOT NULL CHECK (direction IN ('inbound', 'outbound'))
);
CREATE TABLE firewall_servers (
  firewall_id uuid NOT NULL REFERENCES firewalls (id) ON DELETE CASCADE,
  server_id uuid NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  PRIMARY KEY (firewall_id, server_id)
);
CREATE TABLE load_balancers (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  cloud_provider_id uuid REFERENCES cloud_providers (id) ON DELETE SET NULL,
  name text NOT NULL
);
CREATE TABLE load_balancer_targets (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  load_balancer_id uuid NOT NULL REFERENCES load_balancers (id) ON DELETE CASCADE,
  server_id uuid REFERENCES servers (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  port int NOT NULL DEFAULT 80
);
CREATE TABLE dns_zones (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  cloud_provider_id uuid REFERENCES cloud_providers (id) ON DELETE SET NULL,
  name text NOT NULL
);
CREATE TABLE dns_records (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  dns_zone_id uuid NOT NULL REFERENCES dns_zones (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  name text NOT NULL
);
CREATE TABLE provider_resource_map (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  provider text NOT NULL,
  resource_type text NOT NULL,
  internal_resource_id uuid NOT NULL,
  provider_resource_id text NOT NULL
);
CREATE INDEX idx_tenants_slug ON tenants (slug);
CREATE INDEX idx_roles_tenant ON roles (tenant_id);
CREATE INDEX idx_role_permissions_role ON role_permissions (role_id);
CREATE INDEX idx_tenant_members_tenant ON tenant_members (tenant_id);
CREATE INDEX idx_servers_tenant ON servers (tenant_id);
CREATE INDEX idx_volumes_tenant ON volumes (tenant_id);
CREATE INDEX idx_firewall_rules_firewall ON firewall_rules (firewall_id);
CREATE INDEX idx_lb_targets_lb ON load_balancer_targets (load_balancer_id);
CREATE INDEX idx_dns_records_zone ON dns_records (dns_zone_id);
CREATE UNIQUE INDEX uq_provider_resource_map_internal ON provider_resource_map (tenant_id, resource_type, internal_resource_id, provider);
CREATE UNIQUE INDEX uq_provider_resource_map_external ON provider_resource_map (provider, provider_resource_id);
