-- Customers that are made because events of an unknown external id came: one row per external id, whatever happens.
create table customer_onboardings (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  external_customer_id text not null,
  -- As the setting had them when the run was started. The first `steps_done` of them are done for good.
  actions jsonb not null,
  steps_done integer not null default 0,
  run_status text not null check (run_status in ('pending', 'completed', 'failed')),
  failure_reason text,
  -- When a subscription of theirs starts: with the first events.
  starts_at timestamptz(3) not null,
  -- When the external id was first seen; and when the run was last started or ended.
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null
);
create unique index uq_customer_onboardings__external_customer_id on customer_onboardings (tenant_id, environment_id, external_customer_id);
call secure_tenant_table('customer_onboardings');

-- Event names of which a rejected event was told lately: one per name and window.
create table rejected_event_windows (
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  event_name text not null,
  opened_at timestamptz(3) not null,
  primary key (tenant_id, environment_id, event_name)
);
create index rejected_event_windows_by_age on rejected_event_windows (tenant_id, environment_id, opened_at);
call secure_tenant_table('rejected_event_windows');
