-- An index for every field that a list is sorted and filtered by. The last columns are the order among rows with the same value, so that
-- one index serves the order in both directions, a cursor, and a filter on the field with the newest first.
-- `scope` is what every list of the table has decided before: whose rows, and their status.
create procedure index_list(target regclass, fields text[], scope text[] default '{tenant_id,environment_id,status}', rows text default 'true')
language plpgsql as $$
declare
  field text;
  parts text[];
begin
  foreach field in array fields || array['created_at', 'id'] loop
    parts := scope || case field when 'id' then array['id'] when 'created_at' then array['created_at', 'id'] else array[field, 'created_at', 'id'] end;
    execute format('create index %I on %s (%s) where %s', target || '_list_' || field, target,
      (select string_agg(quote_ident(part), ', ' order by place) from unnest(parts) with ordinality as listed (part, place)), rows);
  end loop;
end $$;

call index_list('customers', '{updated_at,created_by,external_id,name,email,contact,timezone}');
call index_list('plans', '{updated_at,created_by,name,lookup_key,display_order}');
call index_list('features', '{updated_at,created_by,name,lookup_key,type,meter_id,unit_singular,unit_plural}');
call index_list('costsheets', '{updated_at,created_by,name,lookup_key}');
call index_list('entitlements', '{updated_at,created_by,entity_type,entity_id,feature_id,feature_type,usage_limit_sort,usage_reset_period,static_value,display_order,parent_entitlement_id,start_date,end_date,is_enabled,grant_measure}');
call index_list('prices', '{updated_at,created_by,entity_type,entity_id,type,billing_model,billing_period,billing_period_count,invoice_cadence,tier_mode,amount_sort,currency,display_name,lookup_key,meter_id,parent_price_id,price_unit_type,sequence,start_date,end_date}');
call index_list('subscriptions', '{updated_at,created_by,customer_id,plan_id,lookup_key,subscription_status,subscription_type,parent_subscription_id,currency,billing_cadence,billing_cycle,billing_period,start_date,end_date,current_period_start,current_period_end,cancel_at,cancelled_at,billing_anchor,version}');
call index_list('invoices', '{updated_at,created_by,customer_id,subscription_customer_id,subscription_id,invoice_type,invoice_status,payment_status,billing_reason,currency,invoice_number,subtotal_sort,total_sort,amount_due_sort,amount_paid_sort,amount_remaining_sort,due_date,issue_date,period_start,period_end,finalized_at,voided_at,paid_at}');
call index_list('secrets', '{updated_at,created_by,name,type}');
-- Lists that show archived rows, too.
call index_list('meters', '{updated_at,created_by,name,event_name,reset_usage,status}', '{tenant_id,environment_id}', $$status <> 'deleted'$$);
call index_list('environments', '{updated_at,created_by,name,type,status}', '{tenant_id}', $$status <> 'deleted'$$);

drop index customers_in_order, meters_in_order, features_in_order, plans_in_order, prices_in_order, entitlements_in_order,
  subscriptions_in_order, invoices_in_order, costsheets_in_order, secrets_of_environment, environments_of_tenant;
