-- Roles. flexprice_app owns nothing and cannot bypass row-level security; flexprice_system is what sweeps and relays switch to,
-- for the few tables that name it. Their passwords and logins are given by whoever provisions the database.
do $$ begin
  if not exists (select from pg_roles where rolname = 'flexprice_app') then create role flexprice_app nologin noinherit; end if;
  if not exists (select from pg_roles where rolname = 'flexprice_system') then create role flexprice_system nologin; end if;
end $$;
grant flexprice_system to flexprice_app with inherit false, set true;
grant usage on schema public to flexprice_app, flexprice_system;

-- Every tenant table goes through here: forced row-level security on the tenant (and environment) of the transaction.
-- The scalar sub-select is evaluated once per query, so that the index on (tenant_id, ...) is used.
create procedure secure_tenant_table(target regclass, by_environment boolean default true) language plpgsql as $$
declare
  rule text := 'tenant_id = (select current_setting(''app.tenant_id'', true))';
begin
  if by_environment then rule := rule || ' and environment_id = (select current_setting(''app.environment_id'', true))'; end if;
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format('create policy tenant_isolation on %s for all to flexprice_app using (%s) with check (%s)', target, rule, rule);
  execute format('grant select, insert, update, delete on %s to flexprice_app', target);
end $$;

-- Lets sweeps list rows of all tenants. What they then do with a row runs inside that row's tenant again.
create procedure allow_system(target regclass, rights text) language plpgsql as $$
begin
  execute format('create policy system_access on %s for all to flexprice_system using (true) with check (true)', target);
  execute format('grant %s on %s to flexprice_system', rights, target);
end $$;

create table tenants (
  id text primary key,
  tenant_id text not null generated always as (id) stored,
  name text not null,
  internal_status text not null default 'active' check (internal_status in ('trialing', 'active', 'suspended')),
  billing_details jsonb not null default '{}',
  metadata jsonb not null default '{}',
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null
);
call secure_tenant_table('tenants', false);
call allow_system('tenants', 'select, insert');

create table environments (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  name text not null,
  type text not null check (type in ('development', 'production')),
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true)
);
create index environments_of_tenant on environments (tenant_id, created_at);
call secure_tenant_table('environments', false);

create table users (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  email text,
  name text,
  type text not null check (type in ('user', 'service_account')),
  roles text[] not null default '{}',
  metadata jsonb not null default '{}',
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true)
);
create unique index uq_users__email on users (tenant_id, email) where status = 'published' and email is not null;
call secure_tenant_table('users', false);

create table secrets (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  name text not null,
  type text not null check (type in ('private_key', 'publishable_key')),
  -- SHA-256 of the key, hex. Keys are random, so a slow hash would protect nothing more.
  key_hash text not null unique,
  display_id text not null,
  user_id text references users (id),
  roles text[] not null,
  expires_at timestamptz(3),
  last_used_at timestamptz(3),
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true)
);
create index secrets_of_environment on secrets (tenant_id, environment_id, created_at);
call secure_tenant_table('secrets');
-- The look-up by hash comes before the tenant is known.
call allow_system('secrets', 'select');

create table outbox (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id'),
  environment_id text not null default current_setting('app.environment_id'),
  event_name text not null,
  entity_type text not null,
  entity_id text not null,
  payload jsonb not null,
  actor_id text not null default current_setting('app.actor_id', true),
  actor_type text not null default current_setting('app.actor_type', true),
  request_id text not null default current_setting('app.request_id', true),
  created_at timestamptz(3) not null,
  published_at timestamptz(3),
  next_attempt_at timestamptz(3),
  failure_count int not null default 0,
  failure_reason text,
  -- Order of commit-time insertion within one session; the relay reads in this order.
  position bigint generated always as identity
);
create index outbox_unpublished on outbox (position) where published_at is null;
create index outbox_published on outbox (published_at) where published_at is not null;
call secure_tenant_table('outbox');
call allow_system('outbox', 'select, update, delete');

-- Wakes the relay at commit.
create function notify_outbox() returns trigger language plpgsql as $$ begin perform pg_notify('outbox', ''); return null; end $$;
create trigger outbox_inserted after insert on outbox for each statement execute function notify_outbox();

create table idempotency_keys (
  tenant_id text not null default current_setting('app.tenant_id'),
  environment_id text not null default current_setting('app.environment_id'),
  key text not null,
  operation text not null,
  request_hash text not null,
  response_status int,
  response_body text,
  created_at timestamptz(3) not null,
  primary key (tenant_id, environment_id, operation, key)
);
call secure_tenant_table('idempotency_keys');
