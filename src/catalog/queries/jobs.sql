SELECT jsonb_build_object(
  'name', coalesce(to_jsonb(j) ->> 'jobname', to_jsonb(j) ->> 'jobid', ''),
  'role', to_jsonb(j) ->> 'username',
  'command', coalesce(to_jsonb(j) ->> 'command', '')
) AS data
FROM cron.job AS j
WHERE to_jsonb(j) ->> 'database' = current_database() AND coalesce((to_jsonb(j) ->> 'active')::boolean, true)
ORDER BY 1
