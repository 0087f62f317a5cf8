-- Rows that failed and wait for their next attempt: few, and asked for with every round of the relay, because later events of the
-- same entity wait behind them.
create index outbox_waiting on outbox (entity_id, position) where published_at is null and next_attempt_at is not null;
