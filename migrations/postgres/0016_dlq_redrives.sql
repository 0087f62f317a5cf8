-- Which dead letters were put back on the topic that they came from. A dead letter stays in its topic until that forgets it, so this is
-- what tells an open one from one that was driven again. A consumer group could not: it knows one offset for each partition, and
-- letters are driven again by reason, by tenant or one by one. `letter_time` belongs to the key: a log that is set up anew counts
-- from 0 again. Letters without a tenant have an empty one, and nobody but the operator sees them.
create table dlq_redrives (
  topic text not null,
  partition integer not null,
  letter_offset bigint not null,
  letter_time timestamptz(3) not null,
  tenant_id text not null default current_setting('app.tenant_id'),
  environment_id text not null default current_setting('app.environment_id'),
  redriven_at timestamptz(3) not null,
  redriven_by text not null,
  primary key (topic, partition, letter_offset, letter_time)
);
create index dlq_redrives_by_age on dlq_redrives (redriven_at);
call secure_tenant_table('dlq_redrives');
call allow_system('dlq_redrives', 'select, insert, update, delete');
