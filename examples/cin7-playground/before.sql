-- The CIN7 AI Playground as it was: one company, one database, nobody else in it.

CREATE FUNCTION public.set_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE TABLE public.users (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    email      text        NOT NULL,
    name       text        NOT NULL,
    is_active  boolean     NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_key UNIQUE (email)
);

-- Reference data: the same five rows for everybody.
CREATE TABLE public.frameworks (
    name     text NOT NULL,
    label    text NOT NULL,
    docs_url text NOT NULL,
    CONSTRAINT frameworks_pkey PRIMARY KEY (name)
);

INSERT INTO public.frameworks (name, label, docs_url)
VALUES
    ('vanilla', 'Vanilla JavaScript', 'https://developer.mozilla.org/docs/Web/JavaScript'),
    ('react',   'React',              'https://react.dev'),
    ('vue',     'Vue',                'https://vuejs.org'),
    ('angular', 'Angular',            'https://angular.dev'),
    ('svelte',  'Svelte',             'https://svelte.dev');

CREATE TABLE public.projects (
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id     uuid        NOT NULL,
    framework   text        NOT NULL DEFAULT 'react',
    slug        text        NOT NULL,
    name        text        NOT NULL,
    description text,
    status      text        NOT NULL DEFAULT 'draft',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT projects_pkey PRIMARY KEY (id),
    CONSTRAINT projects_slug_key UNIQUE (slug),
    CONSTRAINT projects_status_check
        CHECK (status IN ('draft', 'active', 'archived', 'deleted', 'building', 'deployed', 'error')),
    CONSTRAINT projects_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT projects_framework_fkey
        FOREIGN KEY (framework) REFERENCES public.frameworks (name)
);

CREATE INDEX projects_user_id_idx ON public.projects (user_id);

CREATE TABLE public.project_files (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    project_id uuid        NOT NULL,
    path       text        NOT NULL,
    language   text        NOT NULL,
    content    text        NOT NULL DEFAULT '',
    size_bytes integer     NOT NULL DEFAULT 0,
    version    integer     NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT project_files_pkey PRIMARY KEY (id),
    CONSTRAINT project_files_project_id_path_key UNIQUE (project_id, path),
    CONSTRAINT project_files_project_id_fkey
        FOREIGN KEY (project_id) REFERENCES public.projects (id) ON DELETE CASCADE
);

CREATE INDEX project_files_updated_at_idx ON public.project_files (updated_at);

-- The prompt library: written by CIN7's own staff, every row of it.
CREATE TABLE public.prompt_templates (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    framework  text        NOT NULL,
    name       text        NOT NULL,
    prompt     text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT prompt_templates_pkey PRIMARY KEY (id),
    CONSTRAINT prompt_templates_name_key UNIQUE (name),
    CONSTRAINT prompt_templates_framework_fkey
        FOREIGN KEY (framework) REFERENCES public.frameworks (name)
);

CREATE INDEX prompt_templates_framework_idx ON public.prompt_templates (framework);

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.projects
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.project_files
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.prompt_templates
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();
