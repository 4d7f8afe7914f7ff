DROP POLICY playground_delete ON public.users;
DROP POLICY playground_update ON public.users;
DROP POLICY playground_insert ON public.users;
DROP POLICY playground_member ON public.users;
