-- The first day of the new application: a little of everything that could not be stored before, in every tenant.
-- Written for each tenant by the service, as the owner of the database does it here.

-- Colleagues are drawn by chance: ids are random, so the members whose ids follow the project's are any two.
INSERT INTO public.project_collaborators (tenant_id, project_id, user_id, role, invited_by)
SELECT
    project.tenant_id,
    project.id,
    colleague.user_id,
    CASE WHEN colleague.place = 1 THEN 'editor' ELSE 'viewer' END,
    project.user_id
FROM public.tenants AS t
CROSS JOIN LATERAL (
    SELECT p.tenant_id, p.id, p.user_id
    FROM public.projects AS p
    WHERE p.tenant_id = t.id
    ORDER BY p.created_at DESC, p.id
    LIMIT 20
) AS project
CROSS JOIN LATERAL (
    SELECT m.user_id, row_number() OVER (ORDER BY m.user_id) AS place
    FROM public.user_tenant_membership AS m
    WHERE m.tenant_id = t.id
        AND m.user_id > project.id
        AND m.user_id <> project.user_id
    ORDER BY place
    LIMIT 2
) AS colleague;

INSERT INTO public.chat_messages (tenant_id, project_id, user_id, role, content, token_count, model_used)
SELECT
    c.tenant_id,
    c.project_id,
    c.user_id,
    said.role,
    said.content,
    length(said.content) / 4,
    CASE WHEN said.role = 'assistant' THEN 'playground-1' END
FROM public.project_collaborators AS c
CROSS JOIN (
    VALUES ('user', 'Make the table sortable by supplier.'), ('assistant', 'Done: a click on a header sorts by its column.')
) AS said (role, content);

INSERT INTO public.real_time_sessions (tenant_id, project_id, user_id, socket_id, active_file)
SELECT
    c.tenant_id,
    c.project_id,
    c.user_id,
    'socket-' || c.id,
    'src/pages/index.tsx'
FROM public.project_collaborators AS c
WHERE c.role = 'editor';

INSERT INTO public.integrations (tenant_id, type, name, configuration, secret_ref, created_by)
SELECT
    t.id,
    'github',
    t.slug || ' repositories',
    jsonb_build_object('organization', t.slug),
    'github/' || t.slug,
    keeper.user_id
FROM public.tenants AS t
CROSS JOIN LATERAL (
    SELECT m.user_id
    FROM public.user_tenant_membership AS m
    WHERE m.tenant_id = t.id
    ORDER BY m.joined_at, m.user_id
    LIMIT 1
) AS keeper;

INSERT INTO public.audit_logs (tenant_id, entity_type, entity_id, action, user_id, changed_by, new_values)
SELECT
    c.tenant_id,
    'project_collaborator',
    c.id::text,
    'invite',
    c.user_id,
    c.invited_by,
    jsonb_build_object('role', c.role)
FROM public.project_collaborators AS c;

INSERT INTO public.user_activities (tenant_id, user_id, activity_type)
SELECT DISTINCT
    c.tenant_id,
    c.user_id,
    'login'
FROM public.project_collaborators AS c;
