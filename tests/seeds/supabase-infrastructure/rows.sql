-- Two tenants with two users each.
INSERT INTO tenants (id, name, slug, tax_number) SELECT md5('tenant ' || t)::uuid, upper(t), t, 'tax ' || t FROM unnest(ARRAY['a', 'b']) AS t;
INSERT INTO tenant_config (tenant_id) SELECT id FROM tenants;
INSERT INTO users (id, email)
  SELECT md5('user ' || t || n)::uuid, t || n || '@example.com' FROM unnest(ARRAY['a', 'b']) AS t, generate_series(1, 2) AS n;
INSERT INTO permissions (id, key, name) VALUES (md5('view')::uuid, 'canViewServers', 'View'), (md5('manage')::uuid, 'canManageServers', 'Manage');
INSERT INTO roles (id, tenant_id, slug, is_system)
  SELECT md5('role ' || t.slug || r.slug)::uuid, t.id, r.slug, true FROM tenants AS t, unnest(ARRAY['owner', 'viewer']) AS r (slug);
INSERT INTO role_permissions (role_id, permission_id, tenant_id)
  SELECT id, md5(CASE slug WHEN 'owner' THEN 'manage' ELSE 'view' END)::uuid, tenant_id FROM roles;
INSERT INTO tenant_members (tenant_id, user_id, role_id)
  SELECT t.id, u.id, r.id
  FROM users AS u
  JOIN tenants AS t ON t.slug = left(u.email, 1)
  JOIN roles AS r ON r.tenant_id = t.id AND r.slug = CASE WHEN u.email LIKE '_1%' THEN 'owner' ELSE 'viewer' END;
INSERT INTO user_sessions (user_id, tenant_id, token_hash, expires_at)
  SELECT user_id, tenant_id, md5(user_id::text), now() + interval '1 day' FROM tenant_members;
INSERT INTO cloud_providers (id, tenant_id, name, credentials_encrypted) SELECT md5('provider ' || slug)::uuid, id, 'aws', '{"key": "secret"}' FROM tenants;
INSERT INTO servers (id, tenant_id, cloud_provider_id, name)
  SELECT md5('server ' || t.slug || n)::uuid, t.id, md5('provider ' || t.slug)::uuid, 'server ' || n FROM tenants AS t, generate_series(1, 3) AS n;
INSERT INTO volumes (tenant_id, cloud_provider_id, name, attached_to_server_id) SELECT tenant_id, cloud_provider_id, 'volume', id FROM servers;
INSERT INTO snapshots (tenant_id, source_id) SELECT tenant_id, id FROM servers;
INSERT INTO networks (id, tenant_id, name) SELECT md5('network ' || slug)::uuid, id, 'network' FROM tenants;
INSERT INTO network_servers SELECT n.id, s.id, s.tenant_id FROM networks AS n JOIN servers AS s ON s.tenant_id = n.tenant_id WHERE s.name <> 'server 3';
INSERT INTO floating_ips (tenant_id, ip_address, assigned_to_server_id) SELECT tenant_id, '192.0.2.1', id FROM servers;
INSERT INTO firewalls (id, tenant_id, name) SELECT md5('firewall ' || slug)::uuid, id, 'firewall' FROM tenants;
INSERT INTO firewall_rules (firewall_id, tenant_id, direction) SELECT id, tenant_id, 'inbound' FROM firewalls;
INSERT INTO firewall_servers SELECT f.id, s.id, s.tenant_id FROM firewalls AS f JOIN servers AS s ON s.tenant_id = f.tenant_id;
INSERT INTO load_balancers (id, tenant_id, name) SELECT md5('balancer ' || slug)::uuid, id, 'balancer' FROM tenants;
INSERT INTO load_balancer_targets (load_balancer_id, server_id, tenant_id)
  SELECT l.id, s.id, s.tenant_id FROM load_balancers AS l JOIN servers AS s ON s.tenant_id = l.tenant_id;
INSERT INTO dns_zones (id, tenant_id, name) SELECT md5('zone ' || slug)::uuid, id, slug || '.example.com' FROM tenants;
INSERT INTO dns_records (dns_zone_id, tenant_id, name) SELECT id, tenant_id, 'www' FROM dns_zones;
INSERT INTO provider_resource_map (tenant_id, provider, resource_type, internal_resource_id, provider_resource_id)
  SELECT tenant_id, 'aws', 'server', id, id::text FROM servers;
