-- The prompt library is used by every member and kept by the administrators of the tenant.
CREATE POLICY playground_member ON public.prompt_templates AS RESTRICTIVE FOR ALL
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR (SELECT playground.tenant_role()) IS NOT NULL
    );

CREATE POLICY playground_insert ON public.prompt_templates AS RESTRICTIVE FOR INSERT
    WITH CHECK ((SELECT playground.current_user_id()) IS NULL OR (SELECT playground.tenant_role()) IN ('owner', 'admin'));

CREATE POLICY playground_update ON public.prompt_templates AS RESTRICTIVE FOR UPDATE
    USING ((SELECT playground.current_user_id()) IS NULL OR (SELECT playground.tenant_role()) IN ('owner', 'admin'))
    WITH CHECK ((SELECT playground.current_user_id()) IS NULL OR (SELECT playground.tenant_role()) IN ('owner', 'admin'));

CREATE POLICY playground_delete ON public.prompt_templates AS RESTRICTIVE FOR DELETE
    USING ((SELECT playground.current_user_id()) IS NULL OR (SELECT playground.tenant_role()) IN ('owner', 'admin'));
