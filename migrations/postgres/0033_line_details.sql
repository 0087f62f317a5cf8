-- What a line was made from where that is long: the buckets of its meter, or the windows of its commitment, a thousand to a row. The line
-- itself says how many there are, and stays as small as any other.
create table invoice_line_details (
  tenant_id text not null default current_setting('app.tenant_id') references tenants (id),
  environment_id text not null default current_setting('app.environment_id') references environments (id),
  line_item_id text not null references invoice_line_items (id) on delete cascade,
  kind text not null check (kind in ('buckets', 'windows')),
  -- Of the first entry, from 0.
  position int not null,
  entries jsonb not null,
  primary key (line_item_id, kind, position)
);
call secure_tenant_table('invoice_line_details');
