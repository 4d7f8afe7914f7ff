-- Nullable or with a constant default: a change of the catalog only, no row is written.
-- Nobody has been active "now" because a column was added, so `last_active` gets its default afterwards.
ALTER TABLE public.users
    ADD COLUMN avatar_url text,
    ADD COLUMN department text,
    ADD COLUMN preferences jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN last_active timestamptz;

ALTER TABLE public.users
    ALTER COLUMN last_active SET DEFAULT now();
