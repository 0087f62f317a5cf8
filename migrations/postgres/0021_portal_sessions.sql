-- A session of the customer portal: a customer of the tenant, for an hour. Rows are deleted when they are over or their customer is.
create table portal_sessions (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  customer_id text not null references customers (id),
  -- SHA-256 of the token, hex. Tokens are random, so a slow hash would protect nothing more.
  token_hash text not null unique,
  expires_at timestamptz(3) not null,
  created_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true)
);
create index portal_sessions_of_customer on portal_sessions (customer_id);
create index portal_sessions_by_end on portal_sessions (tenant_id, environment_id, expires_at);
call secure_tenant_table('portal_sessions');
-- The look-up by hash comes before the tenant is known.
call allow_system('portal_sessions', 'select');
