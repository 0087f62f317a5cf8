-- Whoever closes a period holds the subscription's row first and its entry here second; an entry that refers to the row would be taken the
-- other way round by the sweep, which waits for the row when it has the entry, and both would wait for each other.
alter table billing_cycles_in_hand drop constraint billing_cycles_in_hand_subscription_id_fkey;
