DROP TABLE public.audit_logs;
