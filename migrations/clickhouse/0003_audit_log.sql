-- Who changed what, when, in answer to which request: one row per system event once merged; read with FINAL.
-- The order key serves the history of one entity; `id` in it makes a second delivery of an event replace the first.
CREATE TABLE IF NOT EXISTS audit_log
(
    tenant_id      LowCardinality(String),
    environment_id LowCardinality(String),
    entity_type    LowCardinality(String),
    entity_id      String CODEC(ZSTD(1)),
    created_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    id             String CODEC(ZSTD(1)),
    event_name     LowCardinality(String),
    actor_id       String CODEC(ZSTD(1)),
    actor_type     LowCardinality(String),
    request_id     String CODEC(ZSTD(1)),
    payload        String CODEC(ZSTD(3))
)
ENGINE = {engine_prefix}ReplacingMergeTree
PARTITION BY toYYYYMM(created_at)
ORDER BY (tenant_id, environment_id, entity_type, entity_id, created_at, id)
SETTINGS {dedupe_window};
