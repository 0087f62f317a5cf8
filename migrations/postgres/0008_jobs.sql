-- Runs of jobs under the in-process driver: what makes "started once per id" and "resumed after a crash" outlive the process.
-- Not a tenant table: it holds ids and states only, and nobody but the system role reaches it.
create table job_runs (
  workflow_id text primary key,
  job text not null,
  schedule_id text,
  input jsonb,
  state text not null check (state in ('pending', 'running', 'completed', 'failed')),
  -- How often a process took the run up: one that brings down every process that tries it must end.
  starts int not null default 0,
  result jsonb,
  error_code text,
  error_message text,
  lease_owner text,
  lease_expires_at timestamptz(3),
  created_at timestamptz(3) not null,
  started_at timestamptz(3),
  finished_at timestamptz(3)
);
create index job_runs_open on job_runs (created_at) where state in ('pending', 'running');
create index job_runs_finished on job_runs (finished_at) where state in ('completed', 'failed');
-- A schedule does not start while its previous run is still going, whichever process asks.
create unique index job_runs_of_schedule on job_runs (schedule_id) where state in ('pending', 'running') and schedule_id is not null;
alter table job_runs enable row level security;
alter table job_runs force row level security;
call allow_system('job_runs', 'select, insert, update, delete');
