DROP POLICY playground_delete ON public.prompt_templates;
DROP POLICY playground_update ON public.prompt_templates;
DROP POLICY playground_insert ON public.prompt_templates;
DROP POLICY playground_member ON public.prompt_templates;
