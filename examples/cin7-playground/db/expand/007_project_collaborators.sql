-- Only a member can collaborate, and who leaves the tenant loses its projects: the key to the membership says
-- both. The owner is `projects.user_id` and not repeated here.
-- The key to the project is replaced in db/rls, when projects have a tenant.
CREATE TABLE public.project_collaborators (
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    tenant_id   uuid        NOT NULL,
    project_id  uuid        NOT NULL,
    user_id     uuid        NOT NULL,
    role        text        NOT NULL DEFAULT 'viewer',
    permissions jsonb       NOT NULL DEFAULT '{}',
    invited_by  uuid,
    joined_at   timestamptz NOT NULL DEFAULT now(),
    last_active timestamptz,
    CONSTRAINT project_collaborators_pkey PRIMARY KEY (id),
    CONSTRAINT project_collaborators_tenant_id_project_id_user_id_key UNIQUE (tenant_id, project_id, user_id),
    CONSTRAINT project_collaborators_role_check CHECK (role IN ('editor', 'viewer')),
    CONSTRAINT project_collaborators_tenant_id_fkey
        FOREIGN KEY (tenant_id) REFERENCES public.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT project_collaborators_project_id_fkey
        FOREIGN KEY (project_id) REFERENCES public.projects (id) ON DELETE CASCADE,
    CONSTRAINT project_collaborators_member_fkey
        FOREIGN KEY (user_id, tenant_id) REFERENCES public.user_tenant_membership (user_id, tenant_id) ON DELETE CASCADE
);

CREATE INDEX project_collaborators_tenant_id_user_id_idx ON public.project_collaborators (tenant_id, user_id);
