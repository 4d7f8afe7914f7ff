CREATE TABLE tenants (id uuid PRIMARY KEY, slug text NOT NULL UNIQUE, name text NOT NULL);
INSERT INTO tenants VALUES
  ('00000000-0000-4000-8000-00000000000a', 'a', 'A'),
  ('00000000-0000-4000-8000-00000000000b', 'b', 'B');

CREATE TABLE plans (id int PRIMARY KEY, name text);
INSERT INTO plans VALUES (1, 'free'), (2, 'paid');

-- Both tenants, two thirds of the rows and one third.
CREATE FUNCTION owner_of(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN n % 3 = 0 THEN '00000000-0000-4000-8000-00000000000b' ELSE '00000000-0000-4000-8000-00000000000a' END::uuid;

CREATE TABLE users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email text NOT NULL,
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE RESTRICT,
  UNIQUE (tenant_id, email),
  UNIQUE (tenant_id, id)
);
INSERT INTO users (email, tenant_id) SELECT 'user' || n, owner_of(n) FROM generate_series(1, 30) AS n;

CREATE TABLE projects (
  id bigserial PRIMARY KEY,
  name text NOT NULL,
  owner_id bigint,
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE RESTRICT,
  UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id)
);
INSERT INTO projects (name, owner_id, tenant_id) SELECT 'project' || n, n, owner_of(n) FROM generate_series(1, 30) AS n;

CREATE TABLE files (
  id bigserial PRIMARY KEY,
  project_id bigint NOT NULL,
  name text NOT NULL,
  size int GENERATED ALWAYS AS (length(name)) STORED,
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE RESTRICT,
  CONSTRAINT files_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE
);
INSERT INTO files (project_id, name, tenant_id) SELECT 1 + n % 30, 'file' || n, owner_of(1 + n % 30) FROM generate_series(1, 90) AS n;
CREATE INDEX files_tenant_id_idx ON files (tenant_id);

-- No primary key, two partitions.
CREATE TABLE events (at date NOT NULL, what text, tenant_id uuid NOT NULL REFERENCES tenants ON DELETE RESTRICT) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO events SELECT '2025-12-01'::date + n::int, 'event' || n, owner_of(n) FROM generate_series(1, 60) AS n;

-- All rows belong to one tenant.
CREATE TABLE notes (
  id int PRIMARY KEY,
  body text,
  tenant_id uuid NOT NULL CONSTRAINT notes_tenant_id_fkey REFERENCES tenants ON DELETE RESTRICT
);
INSERT INTO notes SELECT n, 'note' || n, '00000000-0000-4000-8000-00000000000a' FROM generate_series(1, 40) AS n;

-- Nothing yet.
CREATE TABLE drafts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), body text NOT NULL, tenant_id uuid NOT NULL REFERENCES tenants ON DELETE RESTRICT);

CREATE TABLE memberships (
  user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE RESTRICT,
  role text NOT NULL,
  PRIMARY KEY (user_id, tenant_id)
);
INSERT INTO memberships SELECT id, tenant_id, 'member' FROM users;
-- One user of A belongs to B as well.
INSERT INTO memberships VALUES (1, '00000000-0000-4000-8000-00000000000b', 'member');
DROP FUNCTION owner_of;

CREATE SCHEMA tenantize_backup;
CREATE TABLE tenantize_backup.public_files_copy AS SELECT id, project_id, name FROM files;
CREATE TABLE tenantize_backup.public_notes_copy AS SELECT id, body FROM notes;
CREATE TABLE tenantize_backup.public_events_2025_copy AS SELECT at, what FROM events_2025;
ANALYZE;
