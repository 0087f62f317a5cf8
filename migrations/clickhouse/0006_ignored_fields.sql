-- Fields that a sender added and that nobody here knows: taken, and named where the event is looked up.
ALTER TABLE events ADD COLUMN IF NOT EXISTS ignored_fields Array(LowCardinality(String)) CODEC(ZSTD(1));
