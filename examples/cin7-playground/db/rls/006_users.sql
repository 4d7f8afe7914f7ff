-- Users see the colleagues of their tenant and change themselves. Joining and leaving is done by the service.
CREATE POLICY playground_member ON public.users AS RESTRICTIVE FOR ALL
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR (SELECT playground.tenant_role()) IS NOT NULL
    );

CREATE POLICY playground_insert ON public.users AS RESTRICTIVE FOR INSERT
    WITH CHECK ((SELECT playground.current_user_id()) IS NULL);

CREATE POLICY playground_update ON public.users AS RESTRICTIVE FOR UPDATE
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR id = (SELECT playground.current_user_id())
    )
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR id = (SELECT playground.current_user_id())
    );

CREATE POLICY playground_delete ON public.users AS RESTRICTIVE FOR DELETE
    USING ((SELECT playground.current_user_id()) IS NULL);
