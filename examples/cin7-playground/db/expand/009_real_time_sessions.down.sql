DROP TABLE public.real_time_sessions;
