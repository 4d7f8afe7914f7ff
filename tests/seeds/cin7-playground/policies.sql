-- Phase 1: "Create temporary backup tables"
CREATE TABLE users_backup AS SELECT * FROM users;
CREATE TABLE projects_backup AS SELECT * FROM projects;
CREATE TABLE project_files_backup AS SELECT * FROM project_files;

-- Phase 3
ALTER TABLE users ALTER COLUMN tenant_id SET NOT NULL;
ALTER TABLE projects ALTER COLUMN tenant_id SET NOT NULL;
ALTER TABLE project_files ALTER COLUMN tenant_id SET NOT NULL;
ALTER TABLE users ADD CONSTRAINT fk_users_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE;
ALTER TABLE projects ADD CONSTRAINT fk_projects_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE;
ALTER TABLE project_files ADD CONSTRAINT fk_project_files_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE;

-- "Enable RLS on all tables"
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_tenant_membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE project_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE project_collaborators ENABLE ROW LEVEL SECURITY;
ALTER TABLE chat_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE real_time_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE integrations ENABLE ROW LEVEL SECURITY;

-- "Tenant Context Functions"
CREATE OR REPLACE FUNCTION set_tenant_context(tenant_id UUID)
RETURNS void AS $$
BEGIN
  PERFORM set_config('app.current_tenant_id', tenant_id::text, true);
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

CREATE OR REPLACE FUNCTION get_current_tenant_id()
RETURNS UUID AS $$
BEGIN
  RETURN current_setting('app.current_tenant_id', true)::UUID;
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

CREATE OR REPLACE FUNCTION user_has_tenant_access(user_id UUID, tenant_id UUID)
RETURNS boolean AS $$
BEGIN
  RETURN EXISTS (
    SELECT 1 FROM user_tenant_membership
    WHERE user_tenant_membership.user_id = user_has_tenant_access.user_id
    AND user_tenant_membership.tenant_id = user_has_tenant_access.tenant_id
  );
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

-- "Tenants Table Policies"
CREATE POLICY "Users can view their tenants" ON tenants
    FOR SELECT
    USING (
        EXISTS (
            SELECT 1 FROM user_tenant_membership
            WHERE user_tenant_membership.tenant_id = tenants.id
            AND user_tenant_membership.user_id = auth.uid()
        )
    );

CREATE POLICY "Admin users can create tenants" ON tenants
    FOR INSERT
    WITH CHECK (
        EXISTS (
            SELECT 1 FROM user_tenant_membership
            WHERE user_tenant_membership.tenant_id = tenants.id
            AND user_tenant_membership.user_id = auth.uid()
            AND user_tenant_membership.role IN ('owner', 'admin')
        )
    );

-- "Projects Table Policies"
CREATE POLICY "Users can view accessible projects" ON projects
    FOR SELECT
    USING (
        projects.tenant_id = get_current_tenant_id()
        AND (
            projects.created_by = auth.uid()
            OR EXISTS (
                SELECT 1 FROM project_collaborators
                WHERE project_collaborators.project_id = projects.id
                AND project_collaborators.user_id = auth.uid()
            )
            OR projects.visibility = 'public'
        )
    );

CREATE POLICY "Users can create projects in tenant" ON projects
    FOR INSERT
    WITH CHECK (
        projects.tenant_id = get_current_tenant_id()
        AND projects.created_by = auth.uid()
        AND EXISTS (
            SELECT 1 FROM user_tenant_membership
            WHERE user_tenant_membership.user_id = auth.uid()
            AND user_tenant_membership.tenant_id = projects.tenant_id
        )
    );

-- "Project Files Table Policies"
CREATE POLICY "Users can view accessible project files" ON project_files
    FOR SELECT
    USING (
        project_files.tenant_id = get_current_tenant_id()
        AND EXISTS (
            SELECT 1 FROM projects
            WHERE projects.id = project_files.project_id
            AND (
                projects.created_by = auth.uid()
                OR EXISTS (
                    SELECT 1 FROM project_collaborators
                    WHERE project_collaborators.project_id = projects.id
                    AND project_collaborators.user_id = auth.uid()
                )
            )
        )
    );

CREATE POLICY "Users can create files in projects" ON project_files
    FOR INSERT
    WITH CHECK (
        project_files.tenant_id = get_current_tenant_id()
        AND project_files.created_by = auth.uid()
        AND EXISTS (
            SELECT 1 FROM projects
            WHERE projects.id = project_files.project_id
            AND (
                projects.created_by = auth.uid()
                OR EXISTS (
                    SELECT 1 FROM project_collaborators
                    WHERE project_collaborators.project_id = projects.id
                    AND project_collaborators.user_id = auth.uid()
                    AND project_collaborators.role IN ('owner', 'editor')
                )
            )
        )
    );

-- "Optimized Common Queries"
CREATE OR REPLACE FUNCTION get_user_projects_with_collaborators(
    user_id_param UUID,
    tenant_id_param UUID
)
RETURNS TABLE (
    project_id UUID,
    project_name TEXT,
    collaborator_count BIGINT,
    user_role TEXT
) AS $$
BEGIN
    RETURN QUERY
    SELECT
        p.id,
        p.name,
        COUNT(pc.user_id) FILTER (WHERE pc.user_id != user_id_param),
        CASE
            WHEN p.created_by = user_id_param THEN 'owner'
            ELSE pc.role
        END
    FROM projects p
    LEFT JOIN project_collaborators pc ON p.id = pc.project_id
    WHERE p.tenant_id = tenant_id_param
    AND (
        p.created_by = user_id_param
        OR pc.user_id = user_id_param
    )
    GROUP BY p.id, p.name, p.created_by, pc.role;
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

-- "Sensitive Data Encryption"
CREATE OR REPLACE FUNCTION encrypt_sensitive_data(data TEXT)
RETURNS TEXT AS $$
BEGIN
    RETURN encode(encrypt(data::bytea, get_current_tenant_id()::text::bytea, 'aes'), 'base64');
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

CREATE OR REPLACE FUNCTION decrypt_sensitive_data(encrypted_data TEXT)
RETURNS TEXT AS $$
BEGIN
    RETURN convert_from(decrypt(decode(encrypted_data, 'base64'), get_current_tenant_id()::text::bytea, 'aes'), 'UTF8');
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

-- "Database Roles"
GRANT USAGE ON SCHEMA public TO $app_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO $app_role;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO $app_role;
GRANT USAGE ON SCHEMA public TO $readonly_role;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO $readonly_role;
