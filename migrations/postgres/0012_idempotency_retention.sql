-- Answers are kept for a while, not for ever: the worker deletes the old ones of all tenants.
call allow_system('idempotency_keys', 'select, delete');
create index idempotency_keys_by_age on idempotency_keys (created_at);
