-- The registry that decides which copy of an event counts: (tenant, environment, id) belongs to the position that claimed it first.
-- `id_hash` is the first 64 bits of a SHA-256 over the three, so that a look-up of thousands of ids reads little; the text settles a collision.
-- customer, name and timestamp of the winner make the look-up of one event a read by the full key of `events`.
CREATE TABLE IF NOT EXISTS event_ids
(
    id_hash              UInt64 CODEC(ZSTD(1)),
    tenant_id            LowCardinality(String),
    environment_id       LowCardinality(String),
    id                   String CODEC(ZSTD(1)),
    topic                LowCardinality(String),
    partition            UInt32 CODEC(ZSTD(1)),
    offset               UInt64 CODEC(ZSTD(1)),
    line                 UInt32 CODEC(ZSTD(1)),
    external_customer_id String CODEC(ZSTD(1)),
    event_name           LowCardinality(String),
    timestamp            DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    ingested_at          DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = {engine_prefix}ReplacingMergeTree
PRIMARY KEY id_hash
ORDER BY (id_hash, tenant_id, environment_id, id, topic, partition, offset, line)
SETTINGS {dedupe_window};

-- Copies that came later and changed no number, so that "where is my event" has an answer for each of them.
CREATE TABLE IF NOT EXISTS event_duplicates
(
    id_hash              UInt64 CODEC(ZSTD(1)),
    tenant_id            LowCardinality(String),
    environment_id       LowCardinality(String),
    id                   String CODEC(ZSTD(1)),
    topic                LowCardinality(String),
    partition            UInt32 CODEC(ZSTD(1)),
    offset               UInt64 CODEC(ZSTD(1)),
    line                 UInt32 CODEC(ZSTD(1)),
    external_customer_id String CODEC(ZSTD(1)),
    event_name           LowCardinality(String),
    timestamp            DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    ingested_at          DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    winner_topic         LowCardinality(String),
    winner_partition     UInt32 CODEC(ZSTD(1)),
    winner_offset        UInt64 CODEC(ZSTD(1)),
    winner_line          UInt32 CODEC(ZSTD(1))
)
ENGINE = {engine_prefix}ReplacingMergeTree
PRIMARY KEY id_hash
ORDER BY (id_hash, tenant_id, environment_id, id, topic, partition, offset, line)
SETTINGS {dedupe_window};
