-- A user sees its own membership, and nobody makes itself a member, or an owner: members are kept by the owner of the database.
-- The application has no right to write here; the policies stay closed where somebody grants one.
-- This policy may not ask playground.tenant_role(), because that asks here.
CREATE POLICY playground_select ON public.user_tenant_membership AS RESTRICTIVE FOR SELECT
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR user_id = (SELECT playground.current_user_id())
    );

CREATE POLICY playground_insert ON public.user_tenant_membership AS RESTRICTIVE FOR INSERT
    WITH CHECK ((SELECT playground.current_user_id()) IS NULL);

CREATE POLICY playground_update ON public.user_tenant_membership AS RESTRICTIVE FOR UPDATE
    USING ((SELECT playground.current_user_id()) IS NULL)
    WITH CHECK ((SELECT playground.current_user_id()) IS NULL);

CREATE POLICY playground_delete ON public.user_tenant_membership AS RESTRICTIVE FOR DELETE
    USING ((SELECT playground.current_user_id()) IS NULL);
