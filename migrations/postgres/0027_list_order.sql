-- Exact numbers in an order that an index can be asked for. Operators of `numeric` are not leakproof, so that row-level security keeps
-- conditions with them away from indexes; those of text are. The text of a number sorts as the number does, byte by byte: its sign, the
-- place of its first digit, its digits. Below zero every digit is turned round, and an end that is greater than any digit makes the
-- longer of two the lesser one.
create function number_order(value numeric) returns text language sql immutable strict parallel safe
return (
  select case
    when value = 0 then '1'
    when value > 0 then '2' || places || digits
    else '0' || translate(places || digits, '0123456789', '9876543210') || '~'
  end
  from (
    select
      lpad((500000 + case when whole = '0' then length(ltrim(part, '0')) - length(part) else length(whole) end)::text, 6, '0') as places,
      trim(both '0' from whole || part) as digits
    from (select split_part(plain, '.', 1) as whole, split_part(plain, '.', 2) as part from (select abs(value)::text as plain) as written) as parted
  ) as ordered
);

alter table entitlements add column usage_limit_sort text collate "C" generated always as (number_order(usage_limit)) stored;
alter table prices add column amount_sort text collate "C" generated always as (number_order(amount)) stored;
alter table invoices
  add column subtotal_sort text collate "C" generated always as (number_order(subtotal)) stored,
  add column total_sort text collate "C" generated always as (number_order(total)) stored,
  add column amount_due_sort text collate "C" generated always as (number_order(amount_due)) stored,
  add column amount_paid_sort text collate "C" generated always as (number_order(amount_paid)) stored,
  add column amount_remaining_sort text collate "C" generated always as (number_order(amount_remaining)) stored;
