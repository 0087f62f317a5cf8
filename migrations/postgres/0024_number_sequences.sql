-- Counters of the numbers that customers see: invoices, credit notes, receipts. Each (scope, pattern) counts on its own; the row is locked
-- until the transaction that takes a number ends, so that a rollback leaves no hole.
create table number_sequences (
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  scope text not null,
  -- The part of the number that stays the same while it counts: 202311.
  pattern text not null,
  last_value bigint not null,
  primary key (tenant_id, environment_id, scope, pattern)
);

-- The numbers go on where they are. Row-level security is forced on the owner, too, so it steps back for the copy.
alter table invoice_sequences no force row level security;
insert into number_sequences (tenant_id, environment_id, scope, pattern, last_value)
  select tenant_id, environment_id, 'invoice', year_month, last_value from invoice_sequences;
delete from invoice_sequences;
alter table invoice_sequences force row level security;
call secure_tenant_table('number_sequences');

-- The code of the release before takes its numbers from invoice_sequences while a deploy is under way, or after a rollback. It counts in
-- the new table, and its own row goes at once, so that the next number comes from there again. The release after this one drops the table.
create function take_from_number_sequences() returns trigger language plpgsql as $$
begin
  insert into number_sequences as s (tenant_id, environment_id, scope, pattern, last_value)
    values (new.tenant_id, new.environment_id, 'invoice', new.year_month, 1)
    on conflict (tenant_id, environment_id, scope, pattern) do update set last_value = s.last_value + 1
    returning s.last_value into new.last_value;
  return new;
end $$;
create trigger take before insert on invoice_sequences for each row execute function take_from_number_sequences();
create function forget_invoice_sequence() returns trigger language plpgsql as $$
begin
  delete from invoice_sequences where tenant_id = new.tenant_id and environment_id = new.environment_id and year_month = new.year_month;
  return null;
end $$;
create trigger forget after insert on invoice_sequences for each row execute function forget_invoice_sequence();
