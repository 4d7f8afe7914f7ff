-- Which users came with which customer: by the domain of their address.
-- Staff (@cin7.com) is not in the map; tenantize.toml sends it to the default tenant.
SELECT
    u.id,
    customer.tenant
FROM public.users AS u
JOIN (VALUES ('acme.example', 'acme'), ('globex.example', 'globex'), ('initech.example', 'initech')) AS customer (domain, tenant)
    ON lower(split_part(u.email, '@', 2)) = customer.domain
ORDER BY u.id;
