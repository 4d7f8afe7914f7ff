CREATE TABLE public.user_activities (
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
    tenant_id     uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    activity_type text        NOT NULL,
    metadata      jsonb       NOT NULL DEFAULT '{}',
    ip_address    inet,
    user_agent    text,
    occurred_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_activities_pkey PRIMARY KEY (id),
    CONSTRAINT user_activities_tenant_id_fkey
        FOREIGN KEY (tenant_id) REFERENCES public.tenants (id) ON DELETE RESTRICT
);

CREATE INDEX user_activities_tenant_id_user_id_occurred_at_idx ON public.user_activities (tenant_id, user_id, occurred_at);
CREATE INDEX user_activities_tenant_id_occurred_at_idx ON public.user_activities (tenant_id, occurred_at);
