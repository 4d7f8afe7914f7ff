-- What was said stays: a member with messages cannot be removed by accident.
CREATE TABLE public.chat_messages (
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    tenant_id   uuid        NOT NULL,
    project_id  uuid        NOT NULL,
    user_id     uuid        NOT NULL,
    role        text        NOT NULL,
    content     text        NOT NULL,
    metadata    jsonb       NOT NULL DEFAULT '{}',
    token_count integer,
    model_used  text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT chat_messages_pkey PRIMARY KEY (id),
    CONSTRAINT chat_messages_role_check CHECK (role IN ('user', 'assistant', 'system')),
    CONSTRAINT chat_messages_token_count_check CHECK (token_count >= 0),
    CONSTRAINT chat_messages_tenant_id_fkey
        FOREIGN KEY (tenant_id) REFERENCES public.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT chat_messages_project_id_fkey
        FOREIGN KEY (project_id) REFERENCES public.projects (id) ON DELETE CASCADE,
    CONSTRAINT chat_messages_member_fkey
        FOREIGN KEY (user_id, tenant_id) REFERENCES public.user_tenant_membership (user_id, tenant_id)
);

CREATE INDEX chat_messages_tenant_id_project_id_created_at_idx ON public.chat_messages (tenant_id, project_id, created_at);
CREATE INDEX chat_messages_tenant_id_user_id_idx ON public.chat_messages (tenant_id, user_id);
