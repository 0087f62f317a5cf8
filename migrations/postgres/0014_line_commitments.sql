-- What a customer has committed to on a line: an amount or a quantity, in the period or in each window of the meter.
alter table subscription_line_items
  add column commitment_type text check (commitment_type in ('amount', 'quantity')),
  add column commitment_amount numeric check (commitment_amount > 0),
  add column commitment_quantity numeric check (commitment_quantity > 0),
  add column commitment_overage_factor numeric check (commitment_overage_factor >= 1),
  add column commitment_true_up_enabled boolean not null default false,
  add column commitment_windowed boolean not null default false,
  add column commitment_duration text,
  -- Parts of the day with a price and a commitment of their own: [{id, start, end, priceId, commitmentType, commitmentValue, overageFactor, trueUpEnabled}].
  add column commitment_time_buckets jsonb not null default '[]',
  add constraint commitment_is_what_its_type_says check (
    (commitment_type is null and commitment_amount is null and commitment_quantity is null)
    or (commitment_type = 'amount' and commitment_amount is not null and commitment_quantity is null)
    or (commitment_type = 'quantity' and commitment_quantity is not null and commitment_amount is null)
  );
