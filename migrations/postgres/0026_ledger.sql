-- Double-entry accounts of money: shared/ledger/README.md names the invariants, and this file holds those that a table can hold.
create table ledger_accounts (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  -- Null: the seller's own account.
  customer_id text references customers (id),
  currency text not null,
  name text not null,
  -- Totals of the entries, debits above zero. Only the trigger below moves them.
  balance numeric not null default 0,
  entry_count bigint not null default 0,
  created_at timestamptz(3) not null
);
create unique index uq_ledger_accounts__account on ledger_accounts (tenant_id, environment_id, customer_id, currency, name) nulls not distinct;
call secure_tenant_table('ledger_accounts');

create table ledger_postings (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  -- Who posts, and its key of this posting: once each.
  source text not null,
  idempotency_key text not null,
  -- SHA-256 of what was posted: the same key with anything else is refused.
  fingerprint text not null,
  currency text not null,
  description text not null,
  reverses_id text unique references ledger_postings (id),
  created_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  unique (tenant_id, environment_id, source, idempotency_key)
);
call secure_tenant_table('ledger_postings');

create table ledger_entries (
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  posting_id text not null references ledger_postings (id),
  account_id text not null references ledger_accounts (id),
  -- Counts the entries of the account from 1, without holes.
  number bigint not null,
  amount numeric not null check (amount <> 0),
  balance_after numeric not null,
  primary key (account_id, number),
  unique (posting_id, account_id)
);
create index ledger_entries_in_order on ledger_entries (tenant_id, environment_id, account_id, number);
call secure_tenant_table('ledger_entries');

-- Append only: what was posted is put right by another posting.
revoke update, delete on ledger_postings, ledger_entries from flexprice_app;
revoke update, delete on ledger_accounts from flexprice_app;
grant update (balance, entry_count) on ledger_accounts to flexprice_app;

create function move_ledger_balance() returns trigger language plpgsql as $$
begin
  update ledger_accounts set balance = balance + new.amount, entry_count = entry_count + 1 where id = new.account_id
    returning balance, entry_count into strict new.balance_after, new.number;
  return new;
end $$;
create trigger move_balance before insert on ledger_entries for each row execute function move_ledger_balance();

-- At the end of the transaction a posting has entries in its own currency, and they sum to zero.
create function check_ledger_posting() returns trigger language plpgsql as $$
declare
  posting ledger_postings;
begin
  select * into strict posting from ledger_postings where id = case tg_table_name when 'ledger_postings' then to_jsonb(new) ->> 'id' else to_jsonb(new) ->> 'posting_id' end;
  if (select coalesce(sum(e.amount), 0) <> 0 or count(*) < 2 or bool_or(a.currency <> posting.currency)
      from ledger_entries e join ledger_accounts a on a.id = e.account_id where e.posting_id = posting.id) then
    raise exception 'the entries of ledger posting % do not sum to zero in its currency', posting.id using errcode = 'integrity_constraint_violation';
  end if;
  return null;
end $$;
create constraint trigger balanced after insert on ledger_postings deferrable initially deferred for each row execute function check_ledger_posting();
create constraint trigger balanced after insert on ledger_entries deferrable initially deferred for each row execute function check_ledger_posting();
