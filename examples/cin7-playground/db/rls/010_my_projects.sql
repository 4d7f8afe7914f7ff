-- The user's own projects and those it collaborates in, with the number of other people in each.
-- No user, no rows; and no argument by which one could ask for somebody else's.
CREATE FUNCTION playground.my_projects()
    RETURNS TABLE (project_id uuid, name text, collaborators bigint, my_role text)
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = ''
AS $$
    SELECT
        p.id,
        p.name,
        (
            SELECT count(*)
            FROM public.project_collaborators AS c
            WHERE c.tenant_id = p.tenant_id
                AND c.project_id = p.id
                AND c.user_id <> playground.current_user_id()
        ),
        CASE WHEN p.user_id = playground.current_user_id() THEN 'owner' ELSE mine.role END
    FROM public.projects AS p
    LEFT JOIN public.project_collaborators AS mine
        ON mine.tenant_id = p.tenant_id
        AND mine.project_id = p.id
        AND mine.user_id = playground.current_user_id()
    WHERE p.user_id = playground.current_user_id()
        OR mine.user_id IS NOT NULL
    ORDER BY p.name, p.id
$$;

REVOKE EXECUTE ON FUNCTION playground.my_projects() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION playground.my_projects() TO cin7_app, cin7_readonly;
