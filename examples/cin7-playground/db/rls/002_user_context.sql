-- Who acts within the tenant: the application sets app.user_id beside app.tenant_id, in each transaction.
-- Without it a statement acts for the tenant as a whole: background jobs, exports, invitations.
--
-- None of these functions is SECURITY DEFINER, and none takes an identity from its caller. What they read is
-- filtered by the policies of whoever calls them.
CREATE SCHEMA playground;
GRANT USAGE ON SCHEMA playground TO cin7_app, cin7_readonly;

CREATE FUNCTION playground.current_user_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(current_setting('app.user_id', true), '')::uuid;

-- The projects of others in which the user has one of these roles.
-- It stands between the policies of projects and the table of collaborators: were they to name each other, every
-- query would end in "infinite recursion detected in policy". SET keeps the planner from inlining the body.
CREATE FUNCTION playground.collaborating(roles text[]) RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = ''
    RETURN ARRAY(
        SELECT c.project_id
        FROM public.project_collaborators AS c
        WHERE c.user_id = (SELECT playground.current_user_id())
            AND c.role = ANY (roles)
    );

-- The user's role in the tenant it acts in; null when it is no member there.
CREATE FUNCTION playground.tenant_role() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = ''
    RETURN (
        SELECT m.role
        FROM public.user_tenant_membership AS m
        WHERE m.tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
            AND m.user_id = (SELECT playground.current_user_id())
    );

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA playground FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA playground TO cin7_app, cin7_readonly;
