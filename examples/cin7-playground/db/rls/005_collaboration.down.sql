DROP POLICY playground_delete ON public.real_time_sessions;
DROP POLICY playground_update ON public.real_time_sessions;
DROP POLICY playground_insert ON public.real_time_sessions;
DROP POLICY playground_select ON public.real_time_sessions;
DROP POLICY playground_member ON public.real_time_sessions;

DROP POLICY playground_delete ON public.chat_messages;
DROP POLICY playground_update ON public.chat_messages;
DROP POLICY playground_insert ON public.chat_messages;
DROP POLICY playground_select ON public.chat_messages;
DROP POLICY playground_member ON public.chat_messages;

DROP POLICY playground_delete ON public.project_collaborators;
DROP POLICY playground_update ON public.project_collaborators;
DROP POLICY playground_insert ON public.project_collaborators;
DROP POLICY playground_member ON public.project_collaborators;

ALTER TABLE public.project_collaborators
    ALTER COLUMN invited_by DROP DEFAULT;
