-- An entry that this version cannot read waits for one that can, or for a person; what came after it goes on.
alter table event_log.ingest_overflow add column unreadable_since timestamptz(3);
