-- "Tables Created (12 Total)", and those of the migrations before it that they reference.
CREATE SCHEMA platform;

CREATE TABLE platform.organizations (id uuid PRIMARY KEY, name text NOT NULL, slug text UNIQUE NOT NULL);
CREATE TABLE platform.projects (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL REFERENCES platform.organizations (id) ON DELETE CASCADE,
  name text NOT NULL,
  ref text UNIQUE NOT NULL
);

CREATE TABLE platform.users (
  id uuid PRIMARY KEY,
  email text UNIQUE NOT NULL CHECK (email ~ '^[^@]+@[^@]+$'),
  password_hash text,
  deleted_at timestamptz
);
CREATE TABLE platform.organization_members (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id uuid NOT NULL REFERENCES platform.organizations (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES platform.users (id) ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'billing_admin', 'member')),
  UNIQUE (organization_id, user_id)
);
CREATE TABLE platform.project_members (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES platform.projects (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES platform.users (id) ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'read_only')),
  UNIQUE (project_id, user_id)
);
CREATE TABLE platform.project_addons (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES platform.projects (id) ON DELETE CASCADE,
  status text NOT NULL DEFAULT 'active'
);
CREATE TABLE platform.project_metrics (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES platform.projects (id) ON DELETE CASCADE,
  cpu_percent numeric CHECK (cpu_percent BETWEEN 0 AND 100)
);
CREATE TABLE platform.billing_plans (id text PRIMARY KEY, name text NOT NULL, price numeric NOT NULL);
CREATE TABLE platform.user_sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES platform.users (id) ON DELETE CASCADE,
  token_hash text UNIQUE NOT NULL
);
CREATE TABLE platform.organization_invitations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id uuid NOT NULL REFERENCES platform.organizations (id) ON DELETE CASCADE,
  email text NOT NULL,
  token text UNIQUE NOT NULL,
  invited_by uuid REFERENCES platform.users (id)
);
CREATE TABLE platform.api_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id uuid NOT NULL REFERENCES platform.organizations (id) ON DELETE CASCADE,
  user_id uuid REFERENCES platform.users (id),
  key_hash text UNIQUE NOT NULL
);
CREATE TABLE platform.audit_logs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id uuid REFERENCES platform.organizations (id),
  project_id uuid REFERENCES platform.projects (id),
  user_id uuid REFERENCES platform.users (id),
  event text NOT NULL
);
CREATE TABLE platform.feature_flags (id uuid PRIMARY KEY, key text UNIQUE NOT NULL, enabled boolean NOT NULL DEFAULT false);
CREATE TABLE platform.organization_feature_flags (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id uuid NOT NULL REFERENCES platform.organizations (id) ON DELETE CASCADE,
  flag_id uuid NOT NULL REFERENCES platform.feature_flags (id) ON DELETE CASCADE,
  enabled boolean NOT NULL,
  UNIQUE (organization_id, flag_id)
);
