-- The tables on which the document enables row-level security, those its functions write, and the root; columns that matter here.
CREATE TABLE accounts (id uuid PRIMARY KEY, name text NOT NULL, current_project_count int DEFAULT 0, deleted_at timestamptz, deleted_by uuid);
CREATE TABLE users (id uuid PRIMARY KEY, email text UNIQUE NOT NULL, deleted_at timestamptz, deleted_by uuid);
CREATE TABLE account_users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role text NOT NULL DEFAULT 'member',
  is_active boolean NOT NULL DEFAULT true,
  UNIQUE (account_id, user_id)
);
CREATE TABLE projects (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name text NOT NULL,
  source_control_access_token_encrypted text,
  deleted_at timestamptz,
  deleted_by uuid
);
CREATE TABLE workspaces (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  deleted_at timestamptz,
  deleted_by uuid
);
CREATE TABLE connections (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name text NOT NULL,
  password_encrypted text,
  deleted_at timestamptz,
  deleted_by uuid
);
CREATE TABLE datasets (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  connection_id uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
  fqn text NOT NULL,
  deleted_at timestamptz,
  deleted_by uuid
);
CREATE TABLE api_tokens (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES users (id),
  token_hash text UNIQUE NOT NULL
);
CREATE TABLE invitations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  email text NOT NULL,
  deleted_at timestamptz,
  deleted_by uuid
);
CREATE TABLE usage_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  quantity int NOT NULL
);
CREATE INDEX idx_datasets_active ON datasets (account_id) WHERE deleted_at IS NULL;
CREATE INDEX idx_usage_events_account_created ON usage_events (account_id, created_at DESC);

-- "Each soft-deletable table has a corresponding `_active` view"
CREATE VIEW accounts_active AS SELECT * FROM accounts WHERE deleted_at IS NULL;
CREATE VIEW users_active AS SELECT * FROM users WHERE deleted_at IS NULL;
CREATE VIEW projects_active AS SELECT * FROM projects WHERE deleted_at IS NULL;
CREATE VIEW workspaces_active AS SELECT * FROM workspaces WHERE deleted_at IS NULL;
CREATE VIEW connections_active AS SELECT * FROM connections WHERE deleted_at IS NULL;
CREATE VIEW datasets_active AS SELECT * FROM datasets WHERE deleted_at IS NULL;
CREATE VIEW invitations_active AS SELECT * FROM invitations WHERE deleted_at IS NULL;
