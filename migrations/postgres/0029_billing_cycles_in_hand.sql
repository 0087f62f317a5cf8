-- One run at a time closes the periods of a subscription: while it does, the sweep starts no other. A run that died gives way after a while.
create table billing_cycles_in_hand (
  subscription_id text primary key references subscriptions (id),
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  until timestamptz not null
);
call secure_tenant_table('billing_cycles_in_hand');
call allow_system('billing_cycles_in_hand', 'select');
