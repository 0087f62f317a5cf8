-- Exact numbers in an order that an index can be asked for. Operators of `numeric` are not leakproof, so that row-level security keeps
-- conditions with them away from indexes; those of `double precision` are. Two numbers may share a double: conditions look at both columns.
alter table entitlements add column usage_limit_sort double precision generated always as (usage_limit::double precision) stored;
alter table prices add column amount_sort double precision generated always as (amount::double precision) stored;
alter table invoices
  add column subtotal_sort double precision generated always as (subtotal::double precision) stored,
  add column total_sort double precision generated always as (total::double precision) stored,
  add column amount_due_sort double precision generated always as (amount_due::double precision) stored,
  add column amount_paid_sort double precision generated always as (amount_paid::double precision) stored,
  add column amount_remaining_sort double precision generated always as (amount_remaining::double precision) stored;
