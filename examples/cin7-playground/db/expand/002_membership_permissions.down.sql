DROP INDEX public.user_tenant_membership_tenant_id_role_idx;

ALTER TABLE public.user_tenant_membership
    DROP CONSTRAINT user_tenant_membership_role_check,
    DROP COLUMN invited_by,
    DROP COLUMN permissions;
