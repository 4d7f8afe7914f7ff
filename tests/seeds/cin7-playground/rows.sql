-- Two tenants with two users each; the second user of A also belongs to B.
INSERT INTO tenants (id, name, slug) SELECT md5('tenant ' || t)::uuid, upper(t), t FROM unnest(ARRAY['a', 'b']) AS t;
INSERT INTO users (id, email, name, tenant_id)
  SELECT md5('user ' || t || n)::uuid, t || n || '@example.com', t || n, md5('tenant ' || t)::uuid
  FROM unnest(ARRAY['a', 'b']) AS t, generate_series(1, 2) AS n;
INSERT INTO user_tenant_membership (user_id, tenant_id, role) SELECT id, tenant_id, 'owner' FROM users;
INSERT INTO user_tenant_membership (user_id, tenant_id) VALUES (md5('user a2')::uuid, md5('tenant b')::uuid);
INSERT INTO projects (id, tenant_id, name, created_by)
  SELECT md5('project ' || name)::uuid, tenant_id, 'project of ' || name, id FROM users;
INSERT INTO project_files (project_id, tenant_id, name, content, created_by)
  SELECT id, tenant_id, 'file ' || n, 'content', created_by FROM projects, generate_series(1, 3) AS n;
INSERT INTO project_collaborators (project_id, tenant_id, user_id, role) SELECT id, tenant_id, created_by, 'owner' FROM projects;
INSERT INTO chat_messages (project_id, tenant_id, user_id, role, content) SELECT id, tenant_id, created_by, 'user', 'hello' FROM projects;
INSERT INTO real_time_sessions (project_id, tenant_id, user_id, socket_id) SELECT id, tenant_id, created_by, 'socket' FROM projects;
INSERT INTO integrations (tenant_id, type, configuration, created_by) SELECT tenant_id, 'jira', '{"key": "secret"}', id FROM users;
INSERT INTO audit_logs (entity_type, action, tenant_id, user_id) SELECT 'project', 'create', tenant_id, created_by FROM projects;
INSERT INTO user_activities (user_id, tenant_id, activity_type) SELECT id, tenant_id, 'login' FROM users;
