-- Every entry belongs to a tenant, and outlives the users it names: they are no foreign keys.
CREATE TABLE public.audit_logs (
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    tenant_id   uuid        NOT NULL,
    entity_type text        NOT NULL,
    entity_id   text        NOT NULL,
    action      text        NOT NULL,
    user_id     uuid,
    changed_by  uuid,
    old_values  jsonb,
    new_values  jsonb,
    metadata    jsonb       NOT NULL DEFAULT '{}',
    ip_address  inet,
    user_agent  text,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT audit_logs_pkey PRIMARY KEY (id),
    CONSTRAINT audit_logs_tenant_id_fkey
        FOREIGN KEY (tenant_id) REFERENCES public.tenants (id) ON DELETE RESTRICT
);

CREATE INDEX audit_logs_tenant_id_entity_idx ON public.audit_logs (tenant_id, entity_type, entity_id, occurred_at);
CREATE INDEX audit_logs_tenant_id_occurred_at_idx ON public.audit_logs (tenant_id, occurred_at);
