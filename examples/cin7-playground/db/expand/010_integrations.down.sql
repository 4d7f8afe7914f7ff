DROP TABLE public.integrations;
