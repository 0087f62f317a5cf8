-- The event log of Local Mode: Kafka's model in tables. Not tenant data: a row is a pack of bytes that belongs to no
-- tenant, so there are no tenant columns and no row-level security here. Read only through the EventLog port.
create schema event_log;

create table event_log.topics (
  name text primary key,
  retention_hours integer not null check (retention_hours > 0),
  created_at timestamptz(3) not null default clock_timestamp()
);

-- The row of a partition is the lock under which its offsets are given out: it is held until commit, so offsets become
-- visible in order and a reader never sees a hole that fills up later.
create table event_log.partitions (
  topic text not null references event_log.topics (name),
  partition integer not null check (partition >= 0),
  next_offset bigint not null default 0,
  primary key (topic, partition)
);

-- One row per appended batch and partition. The framing of `payload` is documented with its codec.
create table event_log.batches (
  topic text not null,
  partition integer not null,
  base_offset bigint not null,
  record_count integer not null check (record_count > 0),
  payload_bytes integer not null,
  payload bytea not null,
  appended_at timestamptz(3) not null default clock_timestamp(),
  primary key (topic, partition, base_offset) include (record_count, payload_bytes),
  foreign key (topic, partition) references event_log.partitions (topic, partition)
);
create index batches_appended_at on event_log.batches using brin (appended_at);

-- The row of a group is the lock under which its members share out the partitions.
create table event_log.consumer_groups (
  name text primary key
);

create table event_log.group_members (
  group_name text not null references event_log.consumer_groups (name),
  member_id text not null,
  topics text[] not null,
  expires_at timestamptz not null,
  primary key (group_name, member_id)
);

-- `epoch` grows whenever a partition changes hands. A commit names the epoch it was made in, so a member that lost the
-- partition cannot move the group's offset.
create table event_log.group_partitions (
  group_name text not null references event_log.consumer_groups (name),
  topic text not null,
  partition integer not null,
  committed bigint not null default 0,
  member_id text,
  epoch bigint not null default 0,
  primary key (group_name, topic, partition),
  foreign key (topic, partition) references event_log.partitions (topic, partition)
);

-- Batches that the log did not take. Replayed in order of arrival, each deleted once it is in the log.
create table event_log.ingest_overflow (
  id bigint generated always as identity primary key,
  topic text not null,
  record_count integer not null,
  payload bytea not null,
  created_at timestamptz(3) not null default clock_timestamp()
);

-- Appends batches in one round trip. The arrays run in parallel: partition, number of records and length in bytes of each
-- batch; `payloads` holds their payloads one behind the other, because a single bytea travels in binary and an array does not.
create function event_log.append(topic_name text, partitions integer[], counts integer[], lengths integer[], payloads bytea)
returns void language plpgsql set search_path = '' as $$
declare
  item record;
  base bigint;
begin
  -- Partitions in ascending order: two appends that share partitions cannot deadlock.
  for item in
    select input.partition, input.record_count, input.length, input.starts
    from (
      select i.partition, i.record_count, i.length, i.ord,
             1 + coalesce(sum(i.length) over (order by i.ord rows between unbounded preceding and 1 preceding), 0)::integer as starts
      from unnest(partitions, counts, lengths) with ordinality as i (partition, record_count, length, ord)
    ) as input
    order by input.partition, input.ord
  loop
    update event_log.partitions p set next_offset = p.next_offset + item.record_count
      where p.topic = topic_name and p.partition = item.partition
      returning p.next_offset - item.record_count into base;
    if not found then
      raise exception 'event log has no partition % of topic %', item.partition, topic_name using errcode = 'no_data_found';
    end if;
    insert into event_log.batches (topic, partition, base_offset, record_count, payload_bytes, payload)
      values (topic_name, item.partition, base, item.record_count, item.length, substring(payloads from item.starts for item.length));
  end loop;
end
$$;

grant usage on schema event_log to flexprice_app;
grant select, insert, update, delete on all tables in schema event_log to flexprice_app;
grant execute on function event_log.append(text, integer[], integer[], integer[], bytea) to flexprice_app;
