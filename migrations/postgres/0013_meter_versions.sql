-- What a meter measured before it was changed. The current definition is the meter's own row; an invoice line names the version it
-- used, and this is where that version can be read after the meter has gone on.
create table meter_versions (
  meter_id text not null references meters (id),
  version int not null,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  event_name text not null,
  aggregation jsonb not null,
  filters jsonb not null,
  reset_usage text not null,
  disabled_at timestamptz(3),
  replaced_at timestamptz(3) not null,
  replaced_by text not null,
  primary key (meter_id, version)
);
call secure_tenant_table('meter_versions');
-- The past is not rewritten.
revoke update, delete on meter_versions from flexprice_app;
