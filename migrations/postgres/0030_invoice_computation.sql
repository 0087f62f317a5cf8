-- How far the computation of an invoice is. A draft that waits or failed says why, and when it is looked at again; the sweep reads
-- next_attempt_at and nothing else.
alter table invoices
  add column computation_state text not null default 'pending' check (computation_state in ('pending', 'waiting', 'failed', 'computed')),
  add column computation_reason text,
  add column computation_attempts int not null default 0,
  -- The release before writes drafts without it; they are due at once.
  add column next_attempt_at timestamptz(3) default now(),
  add column first_computed_at timestamptz(3),
  -- How often it was computed, with or without a change: a slower computation sees by it that its inputs are old.
  add column computations int not null default 0,
  -- What discounts, credits and taxes were made from.
  add column stages jsonb not null default '[]';

alter table invoices no force row level security;
update invoices set
  computation_state = case when last_computed_at is null then 'pending' else 'computed' end,
  first_computed_at = last_computed_at,
  next_attempt_at = case when invoice_status = 'DRAFT' then coalesce(last_computed_at, created_at) end;
alter table invoices force row level security;

drop index invoices_unfinished;
create index invoices_to_look_at on invoices (next_attempt_at, id) where invoice_status = 'DRAFT' and invoice_type = 'SUBSCRIPTION' and status = 'published';
