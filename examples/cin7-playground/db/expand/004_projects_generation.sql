-- NOT VALID: the check is validated in 006, without the lock that this statement holds.
ALTER TABLE public.projects
    ADD COLUMN prompt text,
    ADD COLUMN template text NOT NULL DEFAULT 'blank',
    ADD COLUMN architecture jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN settings jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN visibility text NOT NULL DEFAULT 'private',
    ADD COLUMN repository_url text,
    ADD COLUMN deployment_url text,
    ADD CONSTRAINT projects_visibility_check CHECK (visibility IN ('private', 'team', 'public')) NOT VALID;
