create table subscriptions (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  lookup_key text,
  customer_id text not null references customers (id),
  plan_id text not null,
  subscription_status text not null check (subscription_status in ('active', 'paused', 'cancelled', 'incomplete', 'trialing', 'draft')),
  subscription_type text not null default 'standalone',
  currency text not null,
  billing_cadence text not null default 'RECURRING',
  billing_cycle text not null check (billing_cycle in ('anniversary', 'calendar')),
  billing_period text not null check (billing_period in ('DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'HALF_YEARLY', 'ANNUAL')),
  billing_period_count int not null check (billing_period_count >= 1),
  billing_anchor timestamptz(3) not null,
  -- Copied from the customer when the subscription is made: its periods do not move when the customer does.
  timezone text not null,
  start_date timestamptz(3) not null,
  end_date timestamptz(3),
  current_period_start timestamptz(3) not null,
  current_period_end timestamptz(3) not null,
  cancel_at timestamptz(3),
  cancel_at_period_end boolean not null default false,
  cancelled_at timestamptz(3),
  cancellation_reason text,
  collection_method text not null check (collection_method in ('charge_automatically', 'send_invoice')),
  payment_behavior text not null,
  proration_behavior text not null check (proration_behavior in ('create_prorations', 'none')),
  payment_terms text,
  gateway_payment_method_id text,
  version int not null default 1,
  metadata jsonb not null default '{}',
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true),
  check (current_period_start <= current_period_end),
  check (end_date is null or end_date >= start_date)
);
create unique index uq_subscriptions__lookup_key on subscriptions (tenant_id, environment_id, lookup_key) where status = 'published' and lookup_key is not null;
create index subscriptions_in_order on subscriptions (tenant_id, environment_id, created_at, id);
create index subscriptions_of_customer on subscriptions (tenant_id, environment_id, customer_id);
create index subscriptions_of_plan on subscriptions (tenant_id, environment_id, plan_id);
-- The billing sweep reads all tenants in this order, page by page.
create index subscriptions_due on subscriptions (current_period_end, id) where subscription_status = 'active' and status = 'published';
call secure_tenant_table('subscriptions');
call allow_system('subscriptions', 'select');

create table subscription_line_items (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  subscription_id text not null references subscriptions (id),
  customer_id text not null references customers (id),
  entity_id text not null,
  entity_type text not null check (entity_type in ('plan', 'addon', 'subscription')),
  plan_display_name text,
  price_id text not null,
  price_type text not null check (price_type in ('FIXED', 'USAGE')),
  meter_id text,
  meter_display_name text,
  price_unit text,
  price_unit_id text,
  display_name text not null,
  quantity numeric not null check (quantity >= 0),
  currency text not null,
  billing_period text not null,
  billing_period_count int not null check (billing_period_count >= 1),
  invoice_cadence text not null check (invoice_cadence in ('ADVANCE', 'ARREAR')),
  start_date timestamptz(3) not null,
  end_date timestamptz(3),
  metadata jsonb not null default '{}',
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true)
);
create index subscription_line_items_of_subscription on subscription_line_items (tenant_id, environment_id, subscription_id, id);
create index subscription_line_items_of_price on subscription_line_items (tenant_id, environment_id, price_id);
call secure_tenant_table('subscription_line_items');
