CREATE FUNCTION tenancy.current_tenant_id() RETURNS {ty} LANGUAGE plpgsql {definer} AS $body$
DECLARE
  token text := current_setting({setting}, true);
  signature text := split_part(token, '|', 1);
  signed text := substr(token, length(signature) + 2);
  key tenancy.signing_keys;
BEGIN
  IF token IS NULL OR token = '' THEN
    RETURN NULL;
  END IF;
  SELECT k.* INTO key FROM tenancy.signing_keys AS k WHERE k.id::text = split_part(signed, '|', 1);
  -- Hashes are compared, so the time it takes tells nothing of the signature. What is signed is read only after that.
  IF FOUND AND sha256(convert_to(signature, 'UTF8')) = sha256(convert_to(encode(
      sha256(key.outer_pad || sha256(key.inner_pad || convert_to(signed, 'UTF8'))), 'hex'), 'UTF8')) THEN
    -- The clock and not the statement: one message may hold many queries.
    IF split_part(signed, '|', 2)::bigint > extract(epoch FROM clock_timestamp()) THEN
      RETURN substr(signed, length(split_part(signed, '|', 1)) + length(split_part(signed, '|', 2)) + 3)::{ty};
    END IF;
    RAISE EXCEPTION 'the signature of the tenant has expired' USING ERRCODE = '42501';
  END IF;
  RAISE EXCEPTION 'the tenant is not signed' USING ERRCODE = '42501';
END
$body$
