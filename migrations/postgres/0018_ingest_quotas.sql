-- How events of a tenant are let in. Read with the key, so that a change reaches every process once its look-up of the key is old.
alter table tenants
  add column ingest_lazy boolean not null default false,
  add column ingest_events_per_second integer check (ingest_events_per_second > 0),
  -- At least the largest batch, or it could never be let in.
  add column ingest_burst integer check (ingest_burst >= 1000),
  add constraint ingest_quota_whole check ((ingest_events_per_second is null) = (ingest_burst is null));
alter table secrets
  add column ingest_events_per_second integer check (ingest_events_per_second > 0),
  add column ingest_burst integer check (ingest_burst >= 1000),
  add constraint ingest_quota_whole check ((ingest_events_per_second is null) = (ingest_burst is null));

-- What is left of a quota: one bucket per tenant (scope 'tenant') and per key (scope: its id). Processes take some at a time.
create table ingest_buckets (
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  scope text not null,
  -- Thousandths of an event, so that a millisecond adds a whole number.
  level bigint not null,
  filled_at timestamptz(3) not null,
  primary key (tenant_id, scope)
);
call secure_tenant_table('ingest_buckets', false);
