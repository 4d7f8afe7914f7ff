DROP POLICY playground_delete ON public.user_activities;
DROP POLICY playground_update ON public.user_activities;
DROP POLICY playground_insert ON public.user_activities;
DROP POLICY playground_select ON public.user_activities;
DROP POLICY playground_member ON public.user_activities;

DROP POLICY playground_delete ON public.audit_logs;
DROP POLICY playground_update ON public.audit_logs;
DROP POLICY playground_insert ON public.audit_logs;
DROP POLICY playground_select ON public.audit_logs;
DROP POLICY playground_member ON public.audit_logs;

ALTER TABLE public.audit_logs
    ALTER COLUMN changed_by DROP DEFAULT;

DROP POLICY playground_delete ON public.integrations;
DROP POLICY playground_update ON public.integrations;
DROP POLICY playground_insert ON public.integrations;
DROP POLICY playground_member ON public.integrations;
