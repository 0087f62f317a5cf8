-- A cancelled subscription frees its lookup_key: a customer who comes back may be subscribed under the same one.
drop index uq_subscriptions__lookup_key;
create unique index uq_subscriptions__lookup_key on subscriptions (tenant_id, environment_id, lookup_key)
  where status = 'published' and subscription_status <> 'cancelled' and lookup_key is not null;
