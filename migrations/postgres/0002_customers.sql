create table customers (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  external_id text not null,
  name text not null,
  email text,
  contact text,
  address_line1 text,
  address_line2 text,
  address_city text,
  address_state text,
  address_postal_code text,
  address_country text,
  timezone text not null default 'UTC',
  metadata jsonb not null default '{}',
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true)
);
create unique index uq_customers__external_id on customers (tenant_id, environment_id, external_id) where status = 'published';
create index customers_in_order on customers (tenant_id, environment_id, created_at, id);
call secure_tenant_table('customers');
