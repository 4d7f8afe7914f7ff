DROP POLICY playground_delete ON public.project_files;
DROP POLICY playground_update ON public.project_files;
DROP POLICY playground_insert ON public.project_files;
DROP POLICY playground_select ON public.project_files;
DROP POLICY playground_member ON public.project_files;
