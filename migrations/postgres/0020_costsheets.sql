-- What usage costs the tenant itself. Its prices are rows of `prices` with entity_type COSTSHEET.
create table costsheets (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  name text not null,
  lookup_key text,
  description text,
  metadata jsonb not null default '{}',
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true)
);
create unique index uq_costsheets__lookup_key on costsheets (tenant_id, environment_id, lookup_key) where status = 'published';
create index costsheets_in_order on costsheets (tenant_id, environment_id, created_at, id);
call secure_tenant_table('costsheets');
