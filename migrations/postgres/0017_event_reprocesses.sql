-- Runs that derive again what follows from stored events: what was asked for, and how far it has come. The position that a run goes on
-- from is the job's; here it is for whoever asks. `id` is the id of the job.
create table event_reprocesses (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  selection jsonb not null,
  batch_size integer not null check (batch_size > 0),
  run_status text not null check (run_status in ('pending', 'running', 'completed', 'failed')),
  processed bigint not null default 0,
  total bigint,
  last_position jsonb,
  failure_reason text,
  created_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  started_at timestamptz(3),
  finished_at timestamptz(3)
);
create index event_reprocesses_in_order on event_reprocesses (tenant_id, environment_id, created_at);
call secure_tenant_table('event_reprocesses');
