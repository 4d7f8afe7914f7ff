DROP POLICY playground_delete ON public.user_tenant_membership;
DROP POLICY playground_update ON public.user_tenant_membership;
DROP POLICY playground_insert ON public.user_tenant_membership;
DROP POLICY playground_select ON public.user_tenant_membership;
