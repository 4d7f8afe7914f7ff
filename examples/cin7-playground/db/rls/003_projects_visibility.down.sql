DROP POLICY playground_delete ON public.projects;
DROP POLICY playground_update ON public.projects;
DROP POLICY playground_insert ON public.projects;
DROP POLICY playground_select ON public.projects;
DROP POLICY playground_member ON public.projects;
