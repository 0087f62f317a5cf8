-- A subscription that others inherit is their parent. They have no lines and no invoices, and follow its periods and its state.
alter table subscriptions
  add column parent_subscription_id text references subscriptions (id),
  add constraint inherited_from_somebody check (subscription_type <> 'inherited' or parent_subscription_id is not null);
create index subscriptions_of_parent on subscriptions (tenant_id, environment_id, parent_subscription_id) where parent_subscription_id is not null;
-- What a customer uses is billed once per plan.
create unique index uq_subscriptions__inheritance on subscriptions (tenant_id, environment_id, customer_id, plan_id)
  where subscription_type = 'inherited' and subscription_status <> 'cancelled' and status = 'published';
