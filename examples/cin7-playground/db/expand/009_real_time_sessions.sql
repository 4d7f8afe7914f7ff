CREATE TABLE public.real_time_sessions (
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
    tenant_id       uuid        NOT NULL,
    project_id      uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    socket_id       text        NOT NULL,
    cursor_position jsonb,
    active_file     text,
    status          text        NOT NULL DEFAULT 'active',
    last_ping       timestamptz NOT NULL DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT real_time_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT real_time_sessions_tenant_id_socket_id_key UNIQUE (tenant_id, socket_id),
    CONSTRAINT real_time_sessions_status_check CHECK (status IN ('active', 'idle', 'disconnected')),
    CONSTRAINT real_time_sessions_tenant_id_fkey
        FOREIGN KEY (tenant_id) REFERENCES public.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT real_time_sessions_project_id_fkey
        FOREIGN KEY (project_id) REFERENCES public.projects (id) ON DELETE CASCADE,
    CONSTRAINT real_time_sessions_member_fkey
        FOREIGN KEY (user_id, tenant_id) REFERENCES public.user_tenant_membership (user_id, tenant_id) ON DELETE CASCADE
);

CREATE INDEX real_time_sessions_tenant_id_project_id_idx ON public.real_time_sessions (tenant_id, project_id);
CREATE INDEX real_time_sessions_tenant_id_user_id_idx ON public.real_time_sessions (tenant_id, user_id);
