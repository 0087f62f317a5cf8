-- Whose work a run is, so that tenants take turns: empty for the product's own, such as runs of schedules.
alter table job_runs add column tenant_key text not null generated always as (coalesce(input ->> 'tenantId', '')) stored;
drop index job_runs_open;
create index job_runs_open on job_runs (tenant_key, created_at, workflow_id) where state in ('pending', 'running');
create index job_runs_in_hand on job_runs (lease_owner, tenant_key) where state = 'running';
