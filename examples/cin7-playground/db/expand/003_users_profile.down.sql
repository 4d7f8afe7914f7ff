ALTER TABLE public.users
    DROP COLUMN last_active,
    DROP COLUMN preferences,
    DROP COLUMN department,
    DROP COLUMN avatar_url;
