-- What became of every record of events: one row per record of the log once merged. `accepted` is what ingest said the record holds; it equals the
-- other three together, or something is unaccounted for. Sums of it answer "how many?" without counting events.
CREATE TABLE IF NOT EXISTS event_packs
(
    tenant_id      LowCardinality(String),
    environment_id LowCardinality(String),
    ingested_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    topic          LowCardinality(String),
    partition      UInt32 CODEC(ZSTD(1)),
    offset         UInt64 CODEC(Delta, ZSTD(1)),
    accepted       UInt32 CODEC(ZSTD(1)),
    stored         UInt32 CODEC(ZSTD(1)),
    duplicates     UInt32 CODEC(ZSTD(1)),
    rejected       UInt32 CODEC(ZSTD(1))
)
ENGINE = {engine_prefix}ReplacingMergeTree
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (tenant_id, environment_id, ingested_at, topic, partition, offset)
SETTINGS {dedupe_window};

-- Events that can never be stored, so that "where is my event?" has an answer for each of them; the bytes are in the dead letters.
-- `line` is -1 where a whole record is meant.
CREATE TABLE IF NOT EXISTS event_rejections
(
    id_hash        UInt64 CODEC(ZSTD(1)),
    tenant_id      LowCardinality(String),
    environment_id LowCardinality(String),
    id             String CODEC(ZSTD(1)),
    topic          LowCardinality(String),
    partition      UInt32 CODEC(ZSTD(1)),
    offset         UInt64 CODEC(ZSTD(1)),
    line           Int32 CODEC(ZSTD(1)),
    reason         LowCardinality(String),
    detail         String CODEC(ZSTD(1)),
    ingested_at    DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = {engine_prefix}ReplacingMergeTree
PRIMARY KEY id_hash
ORDER BY (id_hash, tenant_id, environment_id, id, topic, partition, offset, line)
SETTINGS {dedupe_window};
