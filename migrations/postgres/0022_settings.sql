-- What a tenant decides about one of its environments: a row per key, and none where the default holds.
create table settings (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  key text not null,
  value jsonb not null,
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true)
);
create unique index uq_settings__key on settings (tenant_id, environment_id, key);
call secure_tenant_table('settings');
-- The filter of raw events comes with the look-up of the key, before the tenant is known; so does whether the key is a service account's.
call allow_system('settings', 'select');
call allow_system('users', 'select');
