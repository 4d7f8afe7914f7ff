-- `invited_by` is history: it outlives the inviter, so it references nobody.
ALTER TABLE public.user_tenant_membership
    ADD COLUMN permissions jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN invited_by uuid,
    ADD CONSTRAINT user_tenant_membership_role_check CHECK (role IN ('owner', 'admin', 'member', 'viewer'));

CREATE INDEX user_tenant_membership_tenant_id_role_idx ON public.user_tenant_membership (tenant_id, role);
