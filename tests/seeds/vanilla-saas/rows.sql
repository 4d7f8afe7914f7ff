-- Two tenants with two users each; the second one's rows are private.
INSERT INTO tenants SELECT md5('tenant ' || t)::uuid, t FROM unnest(ARRAY['a', 'b']) AS t;
INSERT INTO users
  SELECT md5('user ' || t || n)::uuid, md5('tenant ' || t)::uuid, t || n || '@example.com', n = 2 FROM unnest(ARRAY['a', 'b']) AS t, generate_series(1, 2) AS n;
INSERT INTO levels SELECT row_number() OVER (ORDER BY name), id, 'level' FROM tenants;
INSERT INTO token_wallets SELECT md5('wallet ' || id)::uuid, tenant_id, id, 100 FROM users;
INSERT INTO superadmin_users VALUES (md5('admin')::uuid, 'root@example.com');
INSERT INTO ai_engines SELECT md5('engine ' || name)::uuid, id, 'engine of ' || name FROM tenants;
INSERT INTO engine_executions SELECT md5('execution ' || u.id)::uuid, u.tenant_id, e.id, u.id FROM users AS u JOIN ai_engines AS e ON e.tenant_id = u.tenant_id;
INSERT INTO ai_workflows SELECT md5('workflow ' || name)::uuid, id, 'workflow' FROM tenants;
