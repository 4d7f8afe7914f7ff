-- The new tables reference a project of their own tenant, or none. They were created before projects had a
-- tenant; the key (tenant_id, id) on projects exists now. The tables are empty, so there is nothing to validate.
ALTER TABLE public.project_collaborators
    DROP CONSTRAINT project_collaborators_project_id_fkey,
    ADD CONSTRAINT project_collaborators_tenant_id_project_id_fkey
        FOREIGN KEY (tenant_id, project_id) REFERENCES public.projects (tenant_id, id) ON DELETE CASCADE;
ALTER TABLE public.chat_messages
    DROP CONSTRAINT chat_messages_project_id_fkey,
    ADD CONSTRAINT chat_messages_tenant_id_project_id_fkey
        FOREIGN KEY (tenant_id, project_id) REFERENCES public.projects (tenant_id, id) ON DELETE CASCADE;
ALTER TABLE public.real_time_sessions
    DROP CONSTRAINT real_time_sessions_project_id_fkey,
    ADD CONSTRAINT real_time_sessions_tenant_id_project_id_fkey
        FOREIGN KEY (tenant_id, project_id) REFERENCES public.projects (tenant_id, id) ON DELETE CASCADE;
