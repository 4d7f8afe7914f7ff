-- "001_initial_schema.sql" and "005_engine_system.sql": the document lists the tables, not their columns.
CREATE TABLE tenants (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE users (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES tenants (id),
  email text NOT NULL UNIQUE,
  is_private boolean NOT NULL DEFAULT false
);
CREATE TABLE levels (id int PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants (id), name text NOT NULL);
CREATE TABLE token_wallets (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES tenants (id),
  user_id uuid NOT NULL REFERENCES users (id),
  balance int NOT NULL
);
CREATE TABLE superadmin_users (id uuid PRIMARY KEY, email text NOT NULL);
CREATE TABLE ai_engines (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants (id), name text NOT NULL);
CREATE TABLE engine_executions (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES tenants (id),
  engine_id uuid NOT NULL REFERENCES ai_engines (id),
  user_id uuid NOT NULL REFERENCES users (id)
);
CREATE TABLE ai_workflows (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants (id), name text NOT NULL);
