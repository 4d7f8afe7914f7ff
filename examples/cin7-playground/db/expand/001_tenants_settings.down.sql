DROP TRIGGER set_updated_at ON public.tenants;

ALTER TABLE public.tenants
    DROP CONSTRAINT tenants_domain_key,
    DROP CONSTRAINT tenants_max_users_check,
    DROP CONSTRAINT tenants_subscription_tier_check,
    DROP COLUMN max_users,
    DROP COLUMN subscription_tier,
    DROP COLUMN settings;
