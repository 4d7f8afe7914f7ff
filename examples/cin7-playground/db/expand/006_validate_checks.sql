-- Reads both tables while readers and writers go on.
ALTER TABLE public.projects
    VALIDATE CONSTRAINT projects_visibility_check;
ALTER TABLE public.project_files
    VALIDATE CONSTRAINT project_files_type_check;
