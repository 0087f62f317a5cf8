-- What an entitlement allowed before it was changed or deleted: usage from before keeps it. The terms in force now are the entitlement's
-- own row; one that was deleted has none.
create table entitlement_versions (
  entitlement_id text not null references entitlements (id),
  version int not null,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  is_enabled boolean not null,
  usage_limit numeric,
  usage_reset_period text,
  is_soft_limit boolean not null,
  replaced_at timestamptz(3) not null,
  replaced_by text not null default current_setting('app.actor_id', true),
  primary key (entitlement_id, version)
);
call secure_tenant_table('entitlement_versions');
-- The past is not rewritten.
revoke update, delete on entitlement_versions from flexprice_app;

-- One that was deleted before there were versions was in force until then.
alter table entitlements no force row level security;
alter table entitlement_versions no force row level security;
insert into entitlement_versions
  (entitlement_id, version, tenant_id, environment_id, is_enabled, usage_limit, usage_reset_period, is_soft_limit, replaced_at, replaced_by)
select id, 1, tenant_id, environment_id, is_enabled, usage_limit, usage_reset_period, is_soft_limit, updated_at, updated_by
from entitlements where status = 'archived';
alter table entitlements force row level security;
alter table entitlement_versions force row level security;
