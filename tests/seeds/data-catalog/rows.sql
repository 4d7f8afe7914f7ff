-- Two accounts with two users each; the second user of A was deactivated.
INSERT INTO accounts (id, name) SELECT md5('account ' || t)::uuid, upper(t) FROM unnest(ARRAY['a', 'b']) AS t;
INSERT INTO users (id, email)
  SELECT md5('user ' || t || n)::uuid, t || n || '@example.com' FROM unnest(ARRAY['a', 'b']) AS t, generate_series(1, 2) AS n;
INSERT INTO account_users (account_id, user_id, is_active)
  SELECT md5('account ' || left(email, 1))::uuid, id, email NOT LIKE 'a2%' FROM users;
INSERT INTO projects (id, account_id, name, source_control_access_token_encrypted) SELECT md5('project ' || name)::uuid, id, name, 'secret' FROM accounts;
INSERT INTO workspaces (id, account_id, project_id) SELECT md5('workspace ' || name)::uuid, account_id, id FROM projects;
INSERT INTO connections (id, account_id, name, password_encrypted) SELECT md5('connection ' || name)::uuid, id, name, 'secret of ' || name FROM accounts;
INSERT INTO datasets (id, account_id, connection_id, fqn)
  SELECT md5('dataset ' || name || n)::uuid, account_id, id, name || '.t' || n FROM connections, generate_series(1, 3) AS n;
INSERT INTO api_tokens (account_id, user_id, token_hash) SELECT account_id, user_id, md5(user_id::text) FROM account_users;
INSERT INTO invitations (account_id, email) SELECT id, 'new@' || name FROM accounts;
INSERT INTO usage_events (account_id, quantity) SELECT id, 1 FROM accounts, generate_series(1, 3);
