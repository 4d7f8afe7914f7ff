-- Two organizations with two users each.
INSERT INTO platform.organizations SELECT md5('org ' || t)::uuid, upper(t), t FROM unnest(ARRAY['a', 'b']) AS t;
INSERT INTO platform.projects
  SELECT md5('project ' || t || n)::uuid, md5('org ' || t)::uuid, 'project ' || n, t || n FROM unnest(ARRAY['a', 'b']) AS t, generate_series(1, 2) AS n;
INSERT INTO platform.users (id, email)
  SELECT md5('user ' || t || n)::uuid, t || n || '@example.com' FROM unnest(ARRAY['a', 'b']) AS t, generate_series(1, 2) AS n;
INSERT INTO platform.organization_members (organization_id, user_id, role)
  SELECT md5('org ' || left(email, 1))::uuid, id, CASE WHEN email LIKE '_1%' THEN 'owner' ELSE 'member' END FROM platform.users;
INSERT INTO platform.project_members (project_id, user_id, role)
  SELECT p.id, u.id, 'developer' FROM platform.projects AS p JOIN platform.users AS u ON left(u.email, 1) = left(p.ref, 1);
INSERT INTO platform.project_addons (project_id) SELECT id FROM platform.projects;
INSERT INTO platform.project_metrics (project_id, cpu_percent) SELECT id, 12 FROM platform.projects;
INSERT INTO platform.billing_plans VALUES ('free', 'Free', 0), ('pro', 'Pro', 25), ('team', 'Team', 599);
INSERT INTO platform.user_sessions (user_id, token_hash) SELECT id, md5(email) FROM platform.users;
INSERT INTO platform.organization_invitations (organization_id, email, token) SELECT id, 'new@' || slug, md5(slug) FROM platform.organizations;
INSERT INTO platform.api_keys (organization_id, key_hash) SELECT id, md5('key ' || slug) FROM platform.organizations;
INSERT INTO platform.audit_logs (organization_id, event) SELECT id, 'create' FROM platform.organizations;
INSERT INTO platform.feature_flags VALUES (md5('flag')::uuid, 'beta', false);
INSERT INTO platform.organization_feature_flags (organization_id, flag_id, enabled) SELECT id, md5('flag')::uuid, true FROM platform.organizations;
