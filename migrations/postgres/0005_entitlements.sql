create table entitlements (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  entity_type text not null check (entity_type in ('PLAN', 'SUBSCRIPTION', 'ADDON')),
  entity_id text not null,
  feature_id text not null references features (id),
  feature_type text not null check (feature_type in ('metered', 'boolean', 'static', 'config')),
  is_enabled boolean not null,
  -- Null is unlimited.
  usage_limit numeric check (usage_limit >= 0),
  usage_reset_period text,
  is_soft_limit boolean not null default false,
  static_value text,
  config_value jsonb,
  display_order int not null default 0,
  parent_entitlement_id text references entitlements (id),
  start_date timestamptz(3),
  end_date timestamptz(3),
  grant_measure text,
  grant_duration_value int,
  grant_duration_unit text,
  grant_allocation_behavior text,
  grant_quota numeric,
  aggregation_mode text not null default 'additive' check (aggregation_mode in ('additive', 'parallel')),
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true)
);
create unique index uq_entitlements__feature_id on entitlements (tenant_id, environment_id, entity_type, entity_id, feature_id)
  where status = 'published' and aggregation_mode = 'additive';
create index entitlements_of_feature on entitlements (tenant_id, environment_id, feature_id);
create index entitlements_in_order on entitlements (tenant_id, environment_id, created_at, id);
call secure_tenant_table('entitlements');
