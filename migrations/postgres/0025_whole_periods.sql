-- What a cut period costs follows from the subscription's rhythm: nobody has to say what it was cut from.
alter table invoices drop column full_period_end;
