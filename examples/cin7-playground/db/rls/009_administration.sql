-- Integrations are used by every member and kept by the administrators.
CREATE POLICY playground_member ON public.integrations AS RESTRICTIVE FOR ALL
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR (SELECT playground.tenant_role()) IS NOT NULL
    );

CREATE POLICY playground_insert ON public.integrations AS RESTRICTIVE FOR INSERT
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR (created_by = (SELECT playground.current_user_id()) AND (SELECT playground.tenant_role()) IN ('owner', 'admin'))
    );

CREATE POLICY playground_update ON public.integrations AS RESTRICTIVE FOR UPDATE
    USING ((SELECT playground.current_user_id()) IS NULL OR (SELECT playground.tenant_role()) IN ('owner', 'admin'))
    WITH CHECK ((SELECT playground.current_user_id()) IS NULL OR (SELECT playground.tenant_role()) IN ('owner', 'admin'));

CREATE POLICY playground_delete ON public.integrations AS RESTRICTIVE FOR DELETE
    USING ((SELECT playground.current_user_id()) IS NULL OR (SELECT playground.tenant_role()) IN ('owner', 'admin'));

-- The audit log is written by everybody in their own name, read by administrators, and changed by no user.
ALTER TABLE public.audit_logs
    ALTER COLUMN changed_by SET DEFAULT playground.current_user_id();

CREATE POLICY playground_member ON public.audit_logs AS RESTRICTIVE FOR ALL
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR (SELECT playground.tenant_role()) IS NOT NULL
    );

CREATE POLICY playground_select ON public.audit_logs AS RESTRICTIVE FOR SELECT
    USING ((SELECT playground.current_user_id()) IS NULL OR (SELECT playground.tenant_role()) IN ('owner', 'admin'));

CREATE POLICY playground_insert ON public.audit_logs AS RESTRICTIVE FOR INSERT
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR changed_by = (SELECT playground.current_user_id())
    );

CREATE POLICY playground_update ON public.audit_logs AS RESTRICTIVE FOR UPDATE
    USING ((SELECT playground.current_user_id()) IS NULL)
    WITH CHECK ((SELECT playground.current_user_id()) IS NULL);

CREATE POLICY playground_delete ON public.audit_logs AS RESTRICTIVE FOR DELETE
    USING ((SELECT playground.current_user_id()) IS NULL);

-- Activities: one's own, or all for an administrator.
CREATE POLICY playground_member ON public.user_activities AS RESTRICTIVE FOR ALL
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR (SELECT playground.tenant_role()) IS NOT NULL
    );

CREATE POLICY playground_select ON public.user_activities AS RESTRICTIVE FOR SELECT
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR user_id = (SELECT playground.current_user_id())
        OR (SELECT playground.tenant_role()) IN ('owner', 'admin')
    );

CREATE POLICY playground_insert ON public.user_activities AS RESTRICTIVE FOR INSERT
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR user_id = (SELECT playground.current_user_id())
    );

CREATE POLICY playground_update ON public.user_activities AS RESTRICTIVE FOR UPDATE
    USING ((SELECT playground.current_user_id()) IS NULL)
    WITH CHECK ((SELECT playground.current_user_id()) IS NULL);

CREATE POLICY playground_delete ON public.user_activities AS RESTRICTIVE FOR DELETE
    USING ((SELECT playground.current_user_id()) IS NULL);
