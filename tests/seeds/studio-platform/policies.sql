-- "Helper Functions (3 Total)": signatures and purpose are the document's, it does not show their bodies. "All helper functions are STABLE".
CREATE FUNCTION platform.is_organization_owner(user_id uuid, org_id uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT EXISTS (
    SELECT 1 FROM platform.organization_members AS m
    WHERE m.user_id = $1 AND m.organization_id = $2 AND m.role = 'owner')
$$;
CREATE FUNCTION platform.has_project_access(user_id uuid, project_id uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT EXISTS (SELECT 1 FROM platform.project_members AS m WHERE m.user_id = $1 AND m.project_id = $2)
    OR EXISTS (
      SELECT 1 FROM platform.projects AS p
      JOIN platform.organization_members AS o ON o.organization_id = p.organization_id
      WHERE p.id = $2 AND o.user_id = $1 AND o.role IN ('owner', 'admin'))
$$;
CREATE FUNCTION platform.get_active_feature_flags(org_id uuid) RETURNS TABLE (flag text) LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT f.key FROM platform.feature_flags AS f
  LEFT JOIN platform.organization_feature_flags AS o ON o.flag_id = f.id AND o.organization_id = $1
  WHERE coalesce(o.enabled, f.enabled)
$$;

-- The document names no role: it applies everything as one. An application role as everybody else grants it.
GRANT USAGE ON SCHEMA platform TO $app_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA platform TO $app_role;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA platform TO $app_role;
