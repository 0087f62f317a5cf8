-- Tables that were made before are brought to the window that new ones get: on one server none (shared/platform/clickhouse/migrate.ts says why).
ALTER TABLE events MODIFY SETTING {dedupe_window};
ALTER TABLE event_ids MODIFY SETTING {dedupe_window};
ALTER TABLE event_duplicates MODIFY SETTING {dedupe_window};
ALTER TABLE audit_log MODIFY SETTING {dedupe_window};
