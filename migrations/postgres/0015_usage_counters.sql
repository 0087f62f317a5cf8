-- What a customer has used of a meter in a window that is open, so that "may I use more?" needs no aggregation (docs/adr/0015).
-- Only made from stored events: a row may be deleted at any moment, and the next question makes it again.

-- Numbers the readings of the usage store. Of two readings of one counter that overlap, the one that began later stands.
create sequence usage_counter_readings;
grant usage on sequence usage_counter_readings to flexprice_app;

create table usage_counters (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  external_customer_id text not null,
  meter_id text not null references meters (id),
  -- A meter that is changed has other counters: what the old definition counted is never shown again.
  meter_version int not null,
  window_start timestamptz(3) not null,
  window_end timestamptz(3) not null,
  -- In which the days of a bucketed meter are cut.
  timezone text not null,
  -- Null until the first reading.
  value numeric,
  watermark timestamptz(3),
  reading bigint not null default 0,
  -- When that reading began.
  counted_at timestamptz(3) not null,
  -- When somebody last wanted to know, to the hour.
  asked_at timestamptz(3) not null,
  check (window_start <= window_end)
);
create unique index uq_usage_counters__window on usage_counters
  (tenant_id, environment_id, external_customer_id, meter_id, meter_version, window_start, window_end, timezone);
-- The reconcile job reads all tenants in this order, and deletes by the other two.
create index usage_counters_by_age on usage_counters (counted_at, id);
create index usage_counters_by_end on usage_counters (window_end);
create index usage_counters_by_question on usage_counters (asked_at);
call secure_tenant_table('usage_counters');
call allow_system('usage_counters', 'select, delete');
