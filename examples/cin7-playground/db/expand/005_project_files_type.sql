-- No default on the largest table: the fill would write it into every row.
ALTER TABLE public.project_files
    ADD COLUMN type text,
    ADD COLUMN checksum text,
    ADD CONSTRAINT project_files_type_check CHECK (
        type IN ('html', 'css', 'javascript', 'typescript', 'jsx', 'tsx', 'json', 'md', 'txt', 'image', 'other')
    ) NOT VALID;
