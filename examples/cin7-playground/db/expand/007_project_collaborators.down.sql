DROP TABLE public.project_collaborators;
