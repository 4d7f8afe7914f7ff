DROP TABLE public.user_activities;
