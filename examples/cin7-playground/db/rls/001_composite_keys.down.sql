ALTER TABLE public.real_time_sessions
    DROP CONSTRAINT real_time_sessions_tenant_id_project_id_fkey,
    ADD CONSTRAINT real_time_sessions_project_id_fkey
        FOREIGN KEY (project_id) REFERENCES public.projects (id) ON DELETE CASCADE;
ALTER TABLE public.chat_messages
    DROP CONSTRAINT chat_messages_tenant_id_project_id_fkey,
    ADD CONSTRAINT chat_messages_project_id_fkey
        FOREIGN KEY (project_id) REFERENCES public.projects (id) ON DELETE CASCADE;
ALTER TABLE public.project_collaborators
    DROP CONSTRAINT project_collaborators_tenant_id_project_id_fkey,
    ADD CONSTRAINT project_collaborators_project_id_fkey
        FOREIGN KEY (project_id) REFERENCES public.projects (id) ON DELETE CASCADE;
