-- What the playground keeps about a tenant. A limit that is null is no limit: a default of 100
-- would put the default tenant over its limit on its first day.
ALTER TABLE public.tenants
    ADD COLUMN settings jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN subscription_tier text NOT NULL DEFAULT 'internal',
    ADD COLUMN max_users integer,
    ADD CONSTRAINT tenants_subscription_tier_check CHECK (subscription_tier IN ('internal', 'team', 'enterprise')),
    ADD CONSTRAINT tenants_max_users_check CHECK (max_users > 0),
    ADD CONSTRAINT tenants_domain_key UNIQUE (domain);

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.tenants
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();
