DROP FUNCTION playground.tenant_role();
DROP FUNCTION playground.collaborating(text[]);
DROP FUNCTION playground.current_user_id();
DROP SCHEMA playground;
