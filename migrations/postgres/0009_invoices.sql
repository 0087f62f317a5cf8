create table invoices (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  -- Who is billed, and whose subscription it is.
  customer_id text not null references customers (id),
  subscription_customer_id text references customers (id),
  subscription_id text references subscriptions (id),
  invoice_type text not null check (invoice_type in ('SUBSCRIPTION', 'ONE_OFF', 'CREDIT')),
  invoice_status text not null check (invoice_status in ('DRAFT', 'FINALIZED', 'VOIDED', 'SKIPPED')),
  payment_status text not null check (payment_status in ('INITIATED', 'PENDING', 'PROCESSING', 'SUCCEEDED', 'OVERPAID', 'FAILED', 'REFUNDED', 'PARTIALLY_REFUNDED', 'VOIDED')),
  billing_reason text not null,
  currency text not null,
  subtotal numeric not null,
  total_discount numeric not null,
  total_prepaid_credits_applied numeric not null,
  total_tax numeric not null,
  total numeric not null check (total >= 0),
  adjustment_amount numeric not null,
  refunded_amount numeric not null,
  amount_due numeric not null,
  amount_paid numeric not null,
  amount_remaining numeric not null,
  description text,
  billing_period text,
  period_start timestamptz(3),
  period_end timestamptz(3),
  -- The billing period that is being cut, where the invoice ends before it does.
  full_period_end timestamptz(3),
  due_date timestamptz(3),
  issue_date timestamptz(3),
  paid_at timestamptz(3),
  voided_at timestamptz(3),
  finalized_at timestamptz(3),
  last_computed_at timestamptz(3),
  invoice_number text,
  billing_sequence int,
  idempotency_key text,
  is_manually_edited boolean not null default false,
  version int not null default 1,
  metadata jsonb not null default '{}',
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true),
  -- Nothing becomes FINALIZED without its number (billing.md section 12, rule 14).
  check (invoice_status <> 'FINALIZED' or (invoice_number is not null and finalized_at is not null))
);
-- A voided invoice keeps its number and gives up its period and its key.
create unique index uq_invoices__period on invoices (tenant_id, environment_id, subscription_id, period_start, period_end, billing_reason)
  where status = 'published' and invoice_status <> 'VOIDED' and subscription_id is not null;
create unique index uq_invoices__idempotency_key on invoices (tenant_id, environment_id, idempotency_key)
  where status = 'published' and invoice_status <> 'VOIDED' and idempotency_key is not null;
create unique index uq_invoices__invoice_number on invoices (tenant_id, environment_id, invoice_number) where invoice_number is not null;
create index invoices_in_order on invoices (tenant_id, environment_id, created_at, id);
create index invoices_of_customer on invoices (tenant_id, environment_id, customer_id);
create index invoices_of_subscription on invoices (tenant_id, environment_id, subscription_id, period_start);
-- Drafts that the sweep takes to the end when nobody else did.
create index invoices_unfinished on invoices (created_at, id) where invoice_status = 'DRAFT' and invoice_type = 'SUBSCRIPTION' and status = 'published';
call secure_tenant_table('invoices');
call allow_system('invoices', 'select');

create table invoice_line_items (
  id text primary key,
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  invoice_id text not null references invoices (id),
  customer_id text not null references customers (id),
  subscription_id text references subscriptions (id),
  subscription_line_item_id text references subscription_line_items (id),
  entity_id text,
  entity_type text,
  plan_display_name text,
  price_id text,
  price_type text,
  meter_id text,
  meter_display_name text,
  price_unit text,
  price_unit_id text,
  price_unit_amount numeric,
  display_name text not null,
  amount numeric not null,
  quantity numeric not null,
  currency text not null,
  period_start timestamptz(3),
  period_end timestamptz(3),
  adjusted_entitlement_quantity numeric,
  line_item_discount numeric not null,
  invoice_level_discount numeric not null,
  prepaid_credits_applied numeric not null,
  -- What the amount was made from: price, usage and its watermark, entitlement, price walk, rounding.
  calculation jsonb,
  metadata jsonb not null default '{}',
  status text not null default 'published',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  created_by text not null default current_setting('app.actor_id', true),
  updated_by text not null default current_setting('app.actor_id', true)
);
create index invoice_line_items_of_invoice on invoice_line_items (tenant_id, environment_id, invoice_id, id);
create index invoice_line_items_of_subscription on invoice_line_items (tenant_id, environment_id, subscription_id, period_end);
call secure_tenant_table('invoice_line_items');

-- Counters of invoice numbers. The row is locked until the finalizing transaction ends, so that a rollback leaves no gap.
create table invoice_sequences (
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  year_month text not null,
  last_value int not null,
  primary key (tenant_id, environment_id, year_month)
);
call secure_tenant_table('invoice_sequences');
