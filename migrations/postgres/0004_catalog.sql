create table features (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  name text not null,
  lookup_key text,
  description text,
  type text not null check (type in ('metered', 'boolean', 'static', 'config')),
  meter_id text references meters (id),
  unit_singular text,
  unit_plural text,
  reporting_unit_singular text,
  reporting_unit_plural text,
  reporting_unit_conversion_rate numeric,
  alert_settings jsonb,
  group_id text,
  metadata jsonb not null default '{}',
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true),
  check ((type = 'metered') = (meter_id is not null))
);
create unique index uq_features__lookup_key on features (tenant_id, environment_id, lookup_key) where status = 'published';
-- A metered feature owns its meter alone, so that usage of a meter belongs to one feature.
create unique index uq_features__meter_id on features (tenant_id, environment_id, meter_id) where status = 'published';
create index features_in_order on features (tenant_id, environment_id, created_at, id);
call secure_tenant_table('features');

create table plans (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  name text not null,
  lookup_key text,
  description text,
  display_order int,
  metadata jsonb not null default '{}',
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true)
);
create unique index uq_plans__lookup_key on plans (tenant_id, environment_id, lookup_key) where status = 'published';
create index plans_in_order on plans (tenant_id, environment_id, created_at, id);
call secure_tenant_table('plans');

-- Rises with every change of a price that subscriptions must react to. Writers hold the lock of the price's owner,
-- so that within one owner the numbers become visible in their order.
create sequence price_sequence;
grant usage on sequence price_sequence to flexprice_app;

create table prices (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  entity_type text not null check (entity_type in ('PLAN', 'SUBSCRIPTION', 'ADDON', 'PRICE', 'COSTSHEET')),
  entity_id text not null,
  type text not null check (type in ('USAGE', 'FIXED')),
  billing_model text not null check (billing_model in ('FLAT_FEE', 'PACKAGE', 'TIERED')),
  billing_period text not null,
  billing_period_count int not null check (billing_period_count >= 1),
  billing_cadence text not null default 'RECURRING',
  invoice_cadence text not null check (invoice_cadence in ('ADVANCE', 'ARREAR')),
  tier_mode text check (tier_mode in ('VOLUME', 'SLAB')),
  tiers jsonb,
  transform_quantity jsonb,
  amount numeric check (amount >= 0),
  -- As the caller wrote it; compared without case.
  currency text not null,
  display_amount text not null,
  display_name text,
  description text,
  lookup_key text,
  meter_id text references meters (id),
  min_quantity numeric,
  trial_period_days int not null default 0,
  parent_price_id text references prices (id),
  group_id text,
  start_date timestamptz(3),
  end_date timestamptz(3),
  sequence bigint not null default nextval('price_sequence'),
  price_unit_type text not null default 'FIAT' check (price_unit_type in ('FIAT', 'CUSTOM')),
  price_unit_id text,
  price_unit text,
  price_unit_amount numeric,
  price_unit_tiers jsonb,
  conversion_rate numeric,
  metadata jsonb not null default '{}',
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true),
  check (type <> 'USAGE' or meter_id is not null),
  check (end_date >= start_date)
);
-- Versions of one price share its key: only one of them is open-ended.
create unique index uq_prices__lookup_key on prices (tenant_id, environment_id, lookup_key) where status = 'published' and end_date is null;
create index prices_of_entity on prices (tenant_id, environment_id, entity_type, entity_id);
create index prices_by_lookup_key on prices (tenant_id, environment_id, lookup_key) where lookup_key is not null;
create index prices_of_meter on prices (tenant_id, environment_id, meter_id) where meter_id is not null;
create index prices_in_order on prices (tenant_id, environment_id, created_at, id);
call secure_tenant_table('prices');
