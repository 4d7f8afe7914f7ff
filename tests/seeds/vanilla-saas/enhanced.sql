-- The rest of "010_rls_policies_enhanced.sql: RLS policies for all new tables": until it runs, those of 005 to 009 are open.
ALTER TABLE ai_engines ENABLE ROW LEVEL SECURITY;
ALTER TABLE engine_executions ENABLE ROW LEVEL SECURITY;
ALTER TABLE ai_workflows ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON ai_engines USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY tenant_isolation ON engine_executions USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY tenant_isolation ON ai_workflows USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
