-- Fills the playground. The setting `tenantize.scale` says how much of it; 1, the default, is
-- 20 000 users, 200 000 projects, 2 000 000 files and 5 000 templates.
-- Every value follows from the row's number n, so that two databases of one scale are equal. Where chance is
-- wanted, n is multiplied by a large odd constant and cut to 32 or 16 bits; ids are the md5 of a name.

BEGIN;

-- For this transaction only; nothing has to be reset.
SET LOCAL synchronous_commit = off;
SET LOCAL maintenance_work_mem = '256MB';
SET LOCAL timezone = 'UTC';

CREATE TEMPORARY TABLE seed ON COMMIT DROP AS
SELECT
    greatest(40, round(20000 * scale))::integer AS users,
    greatest(400, round(200000 * scale))::integer AS projects,
    greatest(4000, round(2000000 * scale))::integer AS files,
    greatest(10, round(5000 * scale))::integer AS templates
FROM (SELECT coalesce(nullif(current_setting('tenantize.scale', true), ''), '1')::numeric) AS given (scale);

-- Half of the users are CIN7's own staff; the rest came with three customers of unequal size.
INSERT INTO public.users (id, email, name, is_active, created_at, updated_at)
SELECT
    md5('user:' || n)::uuid,
    lower(first || '.' || last || n || '@')
        || CASE WHEN h < 128 THEN 'cin7.com' WHEN h < 205 THEN 'acme.example' WHEN h < 246 THEN 'globex.example' ELSE 'initech.example' END,
    first || ' ' || last,
    n % 17 <> 0,
    joined,
    joined + n % 400 * interval '1 hour'
FROM seed
CROSS JOIN LATERAL generate_series(1::bigint, users) AS n
CROSS JOIN LATERAL (
    SELECT
        (n * 40503 % 65536 / 256)::integer AS h,
        (ARRAY['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Frances', 'Ken', 'Radia', 'Dennis', 'Margaret', 'Linus', 'Anita',
            'Tony', 'Sophie', 'Niklaus'])[1 + n % 16] AS first,
        (ARRAY['Nguyen', 'Smith', 'Patel', 'Garcia', 'Kim', 'Okafor', 'Silva', 'Novak', 'Haddad', 'Larsen', 'Rossi', 'Tanaka',
            'Dubois'])[1 + n % 13] AS last,
        timestamptz '2023-02-01' + n * (interval '800 days' / users) AS joined
) AS person;

ALTER TABLE public.projects
    DROP CONSTRAINT projects_user_id_fkey,
    DROP CONSTRAINT projects_framework_fkey;

-- An owner is a user who has joined by then, the first ones most often (the square of an even spread):
-- a few people own hundreds of projects, most own a handful, some none.
INSERT INTO public.projects (id, user_id, framework, slug, name, description, status, created_at, updated_at)
SELECT
    md5('project:' || n)::uuid,
    md5('user:' || 1 + floor(newest * spread * spread)::integer)::uuid,
    (ARRAY['react', 'react', 'react', 'vue', 'vue', 'svelte', 'angular', 'vanilla'])[1 + h % 8],
    lower(kind || '-' || thing || '-' || n),
    kind || ' ' || thing,
    CASE WHEN h % 3 > 0 THEN 'A ' || lower(kind) || ' ' || lower(thing) || ' for the team, drafted from one prompt' END,
    (ARRAY['active', 'active', 'active', 'draft', 'draft', 'deployed', 'archived', 'error'])[1 + h / 8 % 8],
    begun,
    begun + h % 90 * interval '1 day'
FROM seed
CROSS JOIN LATERAL generate_series(1::bigint, projects) AS n
CROSS JOIN LATERAL (
    SELECT
        ((n - 1) * users / projects)::integer AS newest,
        n * 2654435761 % 4294967296 / 4294967296.0::double precision AS spread,
        (n * 40503 % 65536 / 256)::integer AS h,
        timestamptz '2023-03-01' + (n - 1) * (interval '800 days' / projects) AS begun
) AS drawn
CROSS JOIN LATERAL (
    SELECT
        (ARRAY['Inventory', 'Invoice', 'Supplier', 'Warehouse', 'Order', 'Pricing', 'Returns', 'Shipping', 'Forecast'])[1 + h % 9] AS kind,
        (ARRAY['Dashboard', 'Portal', 'Planner', 'Tracker', 'Calculator', 'Widget', 'Report'])[1 + n % 7] AS thing
) AS named;

ALTER TABLE public.projects
    ADD CONSTRAINT projects_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    ADD CONSTRAINT projects_framework_fkey
        FOREIGN KEY (framework) REFERENCES public.frameworks (name);

-- Keys and indexes of two million rows are built in one go after the load, as a restore does.
ALTER TABLE public.project_files
    DROP CONSTRAINT project_files_project_id_fkey,
    DROP CONSTRAINT project_files_project_id_path_key,
    DROP CONSTRAINT project_files_pkey;
DROP INDEX public.project_files_updated_at_idx;

-- Files come in the order of time: six of ten in the scaffold of a new project, the rest
-- in any project that is already there, the oldest most often.
INSERT INTO public.project_files (id, project_id, path, language, content, size_bytes, version, created_at, updated_at)
SELECT
    md5('file:' || n)::uuid,
    md5('project:' || 1 + CASE WHEN n % 10 < 6 THEN newest ELSE floor(newest * spread * spread)::integer END)::uuid,
    'src/' || folder || '/' || part || n || '.' || suffix,
    language,
    '// ' || part || ' ' || n || E'\nexport function ' || part || E'(props) {\n  const state = useStore("' || to_hex(n * 40503)
        || E'");\n  return render("' || folder || E'", state, props);\n}\n'
        || CASE WHEN n % 3 = 0 THEN 'export default ' || part || E';\n' ELSE '' END,
    120 + n % 9000,
    1 + n % 5,
    written,
    written + n % 1000 * interval '1 minute'
FROM seed
CROSS JOIN LATERAL generate_series(1::bigint, files) AS n
CROSS JOIN LATERAL (
    SELECT
        ((n - 1) * projects / files)::integer AS newest,
        n * 2654435761 % 4294967296 / 4294967296.0::double precision AS spread,
        (ARRAY['components', 'pages', 'hooks', 'lib'])[1 + n % 4] AS folder,
        (ARRAY['Table', 'Chart', 'Form', 'Filter', 'Header', 'Summary', 'Upload'])[1 + n % 7] AS part,
        (ARRAY['tsx', 'tsx', 'jsx', 'ts', 'css'])[1 + n % 5] AS suffix,
        (ARRAY['typescript', 'typescript', 'javascript', 'typescript', 'css'])[1 + n % 5] AS language,
        timestamptz '2023-03-01' + n * (interval '800 days' / files) AS written
) AS drawn;

ALTER TABLE public.project_files
    ADD CONSTRAINT project_files_pkey PRIMARY KEY (id),
    ADD CONSTRAINT project_files_project_id_path_key UNIQUE (project_id, path),
    ADD CONSTRAINT project_files_project_id_fkey
        FOREIGN KEY (project_id) REFERENCES public.projects (id) ON DELETE CASCADE;
CREATE INDEX project_files_updated_at_idx ON public.project_files (updated_at);

INSERT INTO public.prompt_templates (id, framework, name, prompt, created_at, updated_at)
SELECT
    md5('template:' || n)::uuid,
    framework,
    thing || ' in ' || framework || ' #' || n,
    'Build a ' || lower(thing) || ' with ' || framework || '. Keep state local, name components after what they show, and add no dependency.',
    timestamptz '2023-02-01' + n * (interval '800 days' / templates),
    timestamptz '2023-02-01' + n * (interval '800 days' / templates)
FROM seed
CROSS JOIN LATERAL generate_series(1::bigint, templates) AS n
CROSS JOIN LATERAL (
    SELECT
        (ARRAY['react', 'vue', 'angular', 'svelte', 'vanilla'])[1 + n % 5] AS framework,
        (ARRAY['Landing page', 'Data table', 'Login form', 'Stock chart', 'Order wizard', 'Price list'])[1 + n % 6] AS thing
) AS drawn;

ANALYZE public.users, public.frameworks, public.projects, public.project_files, public.prompt_templates;

COMMIT;
