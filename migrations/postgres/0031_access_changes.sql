-- When something last changed of what credentials of a tenant give: its keys, users, environments, settings, or the tenant itself.
-- Processes remember credentials and ask every few seconds which tenants have changed (docs/adr/0024-revocation.md).
create table access_changes (
  tenant_id text primary key references tenants (id),
  -- The transaction that made the last change. Whoever asks for all from the oldest one that was still running when it last asked
  -- misses none, however long that one took: a clock or a sequence would be read before the change can be seen.
  changed_in xid8 not null
);
create index access_changes_by_transaction on access_changes (changed_in);
call secure_tenant_table('access_changes', false);
call allow_system('access_changes', 'select');

create function note_access_change() returns trigger language plpgsql as $$
begin
  insert into access_changes (tenant_id, changed_in) values (coalesce(new.tenant_id, old.tenant_id), pg_current_xact_id())
    on conflict (tenant_id) do update set changed_in = excluded.changed_in;
  return null;
end $$;

create trigger access_changed after update of status, type, roles, user_id, expires_at, ingest_events_per_second, ingest_burst or delete
  on secrets for each row execute function note_access_change();
create trigger access_changed after update of status, internal_status, ingest_lazy, ingest_events_per_second, ingest_burst
  on tenants for each row execute function note_access_change();
create trigger access_changed after update of status, type, roles or delete on users for each row execute function note_access_change();
create trigger access_changed after update of status or delete on environments for each row execute function note_access_change();
create trigger access_changed after insert or update or delete on settings for each row execute function note_access_change();

-- When a key was last used is noted for keys of all tenants at once. It is no change of what a key gives.
grant update (last_used_at) on secrets to flexprice_system;
