-- Within a tenant: "private" is for the owner and the collaborators, "team" and "public" are for every member.
-- No project is public beyond its tenant; that would be a hole in the fence.
--
-- All policies here are RESTRICTIVE: they are ANDed to the fence and can only take rows away. A function in
-- (SELECT …) is called once per query and not once per row. playground_member is on every table: a user sees
-- nothing in a tenant it is no member of, whatever the application set.
CREATE POLICY playground_member ON public.projects AS RESTRICTIVE FOR ALL
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR (SELECT playground.tenant_role()) IS NOT NULL
    );

CREATE POLICY playground_select ON public.projects AS RESTRICTIVE FOR SELECT
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR user_id = (SELECT playground.current_user_id())
        OR visibility IN ('team', 'public')
        OR id = ANY ((SELECT playground.collaborating('{editor,viewer}'))::uuid[])
    );

CREATE POLICY playground_insert ON public.projects AS RESTRICTIVE FOR INSERT
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR user_id = (SELECT playground.current_user_id())
    );

-- Editors write files; the project itself is changed by its owner. Handing it over is the tenant's business.
CREATE POLICY playground_update ON public.projects AS RESTRICTIVE FOR UPDATE
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR user_id = (SELECT playground.current_user_id())
    )
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR user_id = (SELECT playground.current_user_id())
    );

CREATE POLICY playground_delete ON public.projects AS RESTRICTIVE FOR DELETE
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR user_id = (SELECT playground.current_user_id())
    );
