-- Who works with whom is known within the tenant: there is no playground_select on project_collaborators. It may
-- not look at projects either, because the policies of projects look here.
-- The owner of a project invites; a collaborator can leave.
ALTER TABLE public.project_collaborators
    ALTER COLUMN invited_by SET DEFAULT playground.current_user_id();

CREATE POLICY playground_member ON public.project_collaborators AS RESTRICTIVE FOR ALL
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR (SELECT playground.tenant_role()) IS NOT NULL
    );

CREATE POLICY playground_insert ON public.project_collaborators AS RESTRICTIVE FOR INSERT
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR (
            invited_by = (SELECT playground.current_user_id())
            AND EXISTS (
                SELECT
                FROM public.projects AS p
                WHERE p.tenant_id = project_collaborators.tenant_id
                    AND p.id = project_collaborators.project_id
                    AND p.user_id = (SELECT playground.current_user_id())
            )
        )
    );

CREATE POLICY playground_update ON public.project_collaborators AS RESTRICTIVE FOR UPDATE
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR EXISTS (
            SELECT
            FROM public.projects AS p
            WHERE p.tenant_id = project_collaborators.tenant_id
                AND p.id = project_collaborators.project_id
                AND p.user_id = (SELECT playground.current_user_id())
        )
    )
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR EXISTS (
            SELECT
            FROM public.projects AS p
            WHERE p.tenant_id = project_collaborators.tenant_id
                AND p.id = project_collaborators.project_id
                AND p.user_id = (SELECT playground.current_user_id())
        )
    );

CREATE POLICY playground_delete ON public.project_collaborators AS RESTRICTIVE FOR DELETE
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR user_id = (SELECT playground.current_user_id())
        OR EXISTS (
            SELECT
            FROM public.projects AS p
            WHERE p.tenant_id = project_collaborators.tenant_id
                AND p.id = project_collaborators.project_id
                AND p.user_id = (SELECT playground.current_user_id())
        )
    );

-- The chat of a project is read by whoever sees the project. A user speaks for itself: the words of the assistant
-- and of the system are written by the service.
CREATE POLICY playground_member ON public.chat_messages AS RESTRICTIVE FOR ALL
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR (SELECT playground.tenant_role()) IS NOT NULL
    );

CREATE POLICY playground_select ON public.chat_messages AS RESTRICTIVE FOR SELECT
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR EXISTS (
            SELECT
            FROM public.projects AS p
            WHERE p.tenant_id = chat_messages.tenant_id
                AND p.id = chat_messages.project_id
        )
    );

CREATE POLICY playground_insert ON public.chat_messages AS RESTRICTIVE FOR INSERT
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR (
            user_id = (SELECT playground.current_user_id())
            AND role = 'user'
            AND EXISTS (
                SELECT
                FROM public.projects AS p
                WHERE p.tenant_id = chat_messages.tenant_id
                    AND p.id = chat_messages.project_id
            )
        )
    );

-- What was said is not changed afterwards.
CREATE POLICY playground_update ON public.chat_messages AS RESTRICTIVE FOR UPDATE
    USING ((SELECT playground.current_user_id()) IS NULL)
    WITH CHECK ((SELECT playground.current_user_id()) IS NULL);

CREATE POLICY playground_delete ON public.chat_messages AS RESTRICTIVE FOR DELETE
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR (user_id = (SELECT playground.current_user_id()) AND role = 'user')
    );

-- Cursors of others are seen in the projects one sees; one's own session is one's own.
CREATE POLICY playground_member ON public.real_time_sessions AS RESTRICTIVE FOR ALL
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR (SELECT playground.tenant_role()) IS NOT NULL
    );

CREATE POLICY playground_select ON public.real_time_sessions AS RESTRICTIVE FOR SELECT
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR EXISTS (
            SELECT
            FROM public.projects AS p
            WHERE p.tenant_id = real_time_sessions.tenant_id
                AND p.id = real_time_sessions.project_id
        )
    );

CREATE POLICY playground_insert ON public.real_time_sessions AS RESTRICTIVE FOR INSERT
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR (
            user_id = (SELECT playground.current_user_id())
            AND EXISTS (
                SELECT
                FROM public.projects AS p
                WHERE p.tenant_id = real_time_sessions.tenant_id
                    AND p.id = real_time_sessions.project_id
            )
        )
    );

CREATE POLICY playground_update ON public.real_time_sessions AS RESTRICTIVE FOR UPDATE
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR user_id = (SELECT playground.current_user_id())
    )
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR (
            user_id = (SELECT playground.current_user_id())
            AND EXISTS (
                SELECT
                FROM public.projects AS p
                WHERE p.tenant_id = real_time_sessions.tenant_id
                    AND p.id = real_time_sessions.project_id
            )
        )
    );

CREATE POLICY playground_delete ON public.real_time_sessions AS RESTRICTIVE FOR DELETE
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR user_id = (SELECT playground.current_user_id())
    );
