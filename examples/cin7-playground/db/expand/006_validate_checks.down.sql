-- There is no "unvalidate": the checks of 004 and 005 are put back as those left them.
ALTER TABLE public.project_files
    DROP CONSTRAINT project_files_type_check,
    ADD CONSTRAINT project_files_type_check CHECK (
        type IN ('html', 'css', 'javascript', 'typescript', 'jsx', 'tsx', 'json', 'md', 'txt', 'image', 'other')
    ) NOT VALID;
ALTER TABLE public.projects
    DROP CONSTRAINT projects_visibility_check,
    ADD CONSTRAINT projects_visibility_check CHECK (visibility IN ('private', 'team', 'public')) NOT VALID;
