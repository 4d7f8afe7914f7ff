ALTER TABLE public.project_files
    DROP CONSTRAINT project_files_type_check,
    DROP COLUMN checksum,
    DROP COLUMN type;
