-- The tables of the plan with the columns and keys that its policies and functions need.
CREATE TABLE tenants (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  slug text UNIQUE NOT NULL,
  subscription_tier text DEFAULT 'internal'
);

CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text UNIQUE NOT NULL,
  name text,
  tenant_id uuid
);

CREATE TABLE user_tenant_membership (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  role text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
  invited_by uuid REFERENCES users (id),
  UNIQUE (user_id, tenant_id)
);

-- created_by and visibility are what the policies ask for; no step of the plan adds them.
CREATE TABLE projects (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid,
  name text NOT NULL,
  description text,
  visibility text DEFAULT 'private' CHECK (visibility IN ('private', 'team', 'public')),
  created_by uuid NOT NULL REFERENCES users (id),
  created_at timestamptz DEFAULT now()
);

CREATE TABLE project_files (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  tenant_id uuid,
  name text NOT NULL,
  content text,
  created_by uuid NOT NULL REFERENCES users (id)
);

CREATE TABLE project_collaborators (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role text NOT NULL DEFAULT 'viewer' CHECK (role IN ('owner', 'editor', 'viewer')),
  invited_by uuid REFERENCES users (id),
  UNIQUE (project_id, user_id)
);

CREATE TABLE chat_messages (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES users (id),
  role text NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
  content text NOT NULL
);

CREATE TABLE real_time_sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES users (id),
  socket_id text NOT NULL
);

CREATE TABLE integrations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  type text NOT NULL CHECK (type IN ('jira', 'figma', 'github', 'slack')),
  configuration jsonb NOT NULL,
  created_by uuid NOT NULL REFERENCES users (id)
);

CREATE TABLE audit_logs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  entity_type text NOT NULL,
  action text NOT NULL,
  tenant_id uuid REFERENCES tenants (id),
  user_id uuid REFERENCES users (id),
  changed_by uuid REFERENCES users (id)
);

CREATE TABLE user_activities (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id),
  tenant_id uuid REFERENCES tenants (id),
  activity_type text NOT NULL
);

CREATE INDEX idx_projects_tenant_id ON projects (tenant_id);
CREATE INDEX idx_projects_search ON projects USING gin (to_tsvector('english', name || ' ' || coalesce(description, '')));
CREATE INDEX idx_project_files_tenant_id ON project_files (tenant_id);
CREATE INDEX idx_project_files_search ON project_files USING gin (to_tsvector('english', name || ' ' || coalesce(content, '')));
CREATE INDEX idx_audit_logs_tenant_id ON audit_logs (tenant_id);
