create table meters (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  name text not null,
  event_name text not null,
  aggregation jsonb not null,
  filters jsonb not null default '[]',
  reset_usage text not null check (reset_usage in ('BILLING_PERIOD', 'NEVER')),
  disabled_at timestamptz(3),
  version int not null default 1,
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true)
);
create index meters_in_order on meters (tenant_id, environment_id, created_at, id);
create index meters_by_event_name on meters (tenant_id, environment_id, event_name);
call secure_tenant_table('meters');
