-- "RLS is enabled on sensitive tables"
ALTER TABLE account_users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE connections ENABLE ROW LEVEL SECURITY;

-- "Policy Examples"
CREATE POLICY "Users can view account members"
    ON account_users FOR SELECT
    USING (account_id IN (
        SELECT account_id FROM account_users
        WHERE user_id = auth.uid() AND is_active = true
    ));
CREATE POLICY "connections_isolation_policy"
    ON connections FOR SELECT
    USING (account_id IN (
        SELECT account_id FROM account_users
        WHERE user_id = auth.uid()
    ));

-- "Soft Delete Operations": the signatures are the document's, it does not show their bodies.
CREATE FUNCTION soft_delete(table_name text, record_id uuid, deleted_by uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  EXECUTE format('UPDATE %s SET deleted_at = now(), deleted_by = %L WHERE id = %L', table_name, deleted_by, record_id);
  RETURN FOUND;
END
$$;
CREATE FUNCTION restore_deleted(table_name text, record_id uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  EXECUTE format('UPDATE %s SET deleted_at = NULL, deleted_by = NULL WHERE id = %L', table_name, record_id);
  RETURN FOUND;
END
$$;
CREATE FUNCTION permanent_delete(table_name text, record_id uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  EXECUTE format('DELETE FROM %s WHERE id = %L', table_name, record_id);
  RETURN FOUND;
END
$$;
CREATE FUNCTION soft_delete_account(account_id uuid, deleted_by uuid) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  UPDATE accounts SET deleted_at = now(), deleted_by = $2 WHERE id = $1;
  RETURN jsonb_build_object('account', $1);
END
$$;
CREATE FUNCTION increment_usage_counter(account_id uuid, resource_type text, amount int) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  EXECUTE format('UPDATE accounts SET current_%s_count = current_%s_count + %s WHERE id = %L', resource_type, resource_type, amount, account_id);
  RETURN FOUND;
END
$$;

-- What Supabase grants on every table by default.
GRANT USAGE ON SCHEMA public TO $authenticated, $anon;
GRANT ALL ON ALL TABLES IN SCHEMA public TO $authenticated, $anon;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO $authenticated, $anon;
