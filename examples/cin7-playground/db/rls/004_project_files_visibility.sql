-- A file is seen by whoever sees its project (the policies of projects apply to the sub-select), and written by
-- the owner and the editors of the project.
CREATE POLICY playground_member ON public.project_files AS RESTRICTIVE FOR ALL
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR (SELECT playground.tenant_role()) IS NOT NULL
    );

CREATE POLICY playground_select ON public.project_files AS RESTRICTIVE FOR SELECT
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR EXISTS (
            SELECT
            FROM public.projects AS p
            WHERE p.tenant_id = project_files.tenant_id
                AND p.id = project_files.project_id
        )
    );

CREATE POLICY playground_insert ON public.project_files AS RESTRICTIVE FOR INSERT
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR EXISTS (
            SELECT
            FROM public.projects AS p
            WHERE p.tenant_id = project_files.tenant_id
                AND p.id = project_files.project_id
                AND (
                    p.user_id = (SELECT playground.current_user_id())
                    OR p.id = ANY ((SELECT playground.collaborating('{editor}'))::uuid[])
                )
        )
    );

-- USING is about the file as it was, WITH CHECK about the file as it becomes: it cannot be moved into a project
-- that the user does not write.
CREATE POLICY playground_update ON public.project_files AS RESTRICTIVE FOR UPDATE
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR EXISTS (
            SELECT
            FROM public.projects AS p
            WHERE p.tenant_id = project_files.tenant_id
                AND p.id = project_files.project_id
                AND (
                    p.user_id = (SELECT playground.current_user_id())
                    OR p.id = ANY ((SELECT playground.collaborating('{editor}'))::uuid[])
                )
        )
    )
    WITH CHECK (
        (SELECT playground.current_user_id()) IS NULL
        OR EXISTS (
            SELECT
            FROM public.projects AS p
            WHERE p.tenant_id = project_files.tenant_id
                AND p.id = project_files.project_id
                AND (
                    p.user_id = (SELECT playground.current_user_id())
                    OR p.id = ANY ((SELECT playground.collaborating('{editor}'))::uuid[])
                )
        )
    );

CREATE POLICY playground_delete ON public.project_files AS RESTRICTIVE FOR DELETE
    USING (
        (SELECT playground.current_user_id()) IS NULL
        OR EXISTS (
            SELECT
            FROM public.projects AS p
            WHERE p.tenant_id = project_files.tenant_id
                AND p.id = project_files.project_id
                AND (
                    p.user_id = (SELECT playground.current_user_id())
                    OR p.id = ANY ((SELECT playground.collaborating('{editor}'))::uuid[])
                )
        )
    );
