-- `configuration` holds no secret: `secret_ref` names an entry of the secret store.
CREATE TABLE public.integrations (
    id             uuid        NOT NULL DEFAULT gen_random_uuid(),
    tenant_id      uuid        NOT NULL,
    type           text        NOT NULL,
    name           text        NOT NULL,
    configuration  jsonb       NOT NULL DEFAULT '{}',
    secret_ref     text,
    status         text        NOT NULL DEFAULT 'active',
    last_sync      timestamptz,
    sync_frequency integer     NOT NULL DEFAULT 3600,
    created_by     uuid        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT integrations_pkey PRIMARY KEY (id),
    CONSTRAINT integrations_tenant_id_type_name_key UNIQUE (tenant_id, type, name),
    CONSTRAINT integrations_type_check CHECK (type IN ('jira', 'figma', 'github', 'slack')),
    CONSTRAINT integrations_status_check CHECK (status IN ('active', 'inactive', 'error')),
    CONSTRAINT integrations_sync_frequency_check CHECK (sync_frequency > 0),
    CONSTRAINT integrations_tenant_id_fkey
        FOREIGN KEY (tenant_id) REFERENCES public.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT integrations_member_fkey
        FOREIGN KEY (created_by, tenant_id) REFERENCES public.user_tenant_membership (user_id, tenant_id)
);

CREATE INDEX integrations_tenant_id_created_by_idx ON public.integrations (tenant_id, created_by);

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.integrations
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();
