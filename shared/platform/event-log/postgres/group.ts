import type pg from 'pg';
import { planAssignment } from './assignment.ts';
import type { Claim } from './store.ts';
import { inTransaction } from './transaction.ts';

/** What a member holds after a beat, and what of it the group asks back. */
export interface Membership {
  readonly held: readonly Claim[];
  readonly release: readonly Claim[];
}

/** Channel on which members tell each other that the group has changed; the payload is the group's name. */
export const GROUP_CHANNEL = 'event_log_group';

interface PartitionRow {
  topic: string;
  partition: string;
  owner: string | null;
  epoch: string;
  committed: string;
}

/** A member's dealings with its group. All of them run under the lock of the group's row, by the database's clock. */
export function createGroup(pool: pg.Pool, group: string, member: string, topics: readonly string[], leaseMs: number) {
  /** Prolongs the lease, frees what the dead held, and takes what is this member's share and free. */
  async function beat(): Promise<Membership> {
    return inTransaction(pool, async (client) => {
      await lockGroup(client);
      const { rowCount: dead } = await client.query(
        'delete from event_log.group_members where group_name = $1 and member_id <> $2 and expires_at < clock_timestamp()',
        [group, member],
      );
      const {
        rows: [joined],
      } = await client.query<{ joined: boolean }>(
        `insert into event_log.group_members (group_name, member_id, topics, expires_at)
         values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4::float8 / 1000))
         on conflict (group_name, member_id) do update set expires_at = excluded.expires_at returning xmax = 0 as joined`,
        [group, member, topics, leaseMs],
      );
      await client.query(
        `insert into event_log.group_partitions (group_name, topic, partition)
         select $1, topic, partition from event_log.partitions where topic = any($2) on conflict do nothing`,
        [group, topics],
      );
      await client.query(
        `update event_log.group_partitions p set member_id = null, epoch = epoch + 1
         where group_name = $1 and member_id is not null
           and not exists (select from event_log.group_members m where m.group_name = p.group_name and m.member_id = p.member_id)`,
        [group],
      );

      const members = await client.query<{ id: string; topics: string[] }>(
        'select member_id as id, topics from event_log.group_members where group_name = $1',
        [group],
      );
      const partitions = await client.query<PartitionRow>(
        `select topic, partition::text as partition, member_id as owner, epoch::text as epoch, committed::text as committed
         from event_log.group_partitions where group_name = $1`,
        [group],
      );
      const rows = partitions.rows.map((row) => ({ ...row, partition: Number(row.partition) }));
      const plan = planAssignment(member, members.rows, rows);
      const claimed = await claim(client, plan.claim);
      if (joined?.joined || dead) await client.query('select pg_notify($1, $2)', [GROUP_CHANNEL, group]);

      const mine = rows
        .filter(({ owner }) => owner === member)
        .map((row) => ({ ...row, epoch: BigInt(row.epoch), committed: BigInt(row.committed) }));
      const isAskedBack = (held: Claim) =>
        plan.release.some(({ topic, partition }) => topic === held.topic && partition === held.partition);
      return { held: [...mine, ...claimed], release: mine.filter(isAskedBack) };
    });
  }

  async function claim(client: pg.PoolClient, wanted: readonly { topic: string; partition: number }[]): Promise<Claim[]> {
    if (wanted.length === 0) return [];
    const { rows } = await client.query<PartitionRow>(
      `update event_log.group_partitions p set member_id = $2, epoch = epoch + 1
       from unnest($3::text[], $4::int[]) as w (topic, partition)
       where p.group_name = $1 and p.topic = w.topic and p.partition = w.partition and p.member_id is null
       returning p.topic, p.partition::text as partition, p.epoch::text as epoch, p.committed::text as committed`,
      [group, member, wanted.map(({ topic }) => topic), wanted.map(({ partition }) => partition)],
    );
    return rows.map(({ topic, partition, epoch, committed }) => ({
      topic,
      partition: Number(partition),
      epoch: BigInt(epoch),
      committed: BigInt(committed),
    }));
  }

  /** Gives one partition back. */
  async function release({ topic, partition, epoch }: Claim): Promise<void> {
    await pool.query(
      `with released as (
         update event_log.group_partitions set member_id = null, epoch = epoch + 1
         where group_name = $1 and topic = $2 and partition = $3 and member_id = $4 and epoch = $5 returning 1
       ) select pg_notify($6, $1) from released`,
      [group, topic, partition, member, String(epoch), GROUP_CHANNEL],
    );
  }

  /** Gives everything back and leaves. */
  async function leave(): Promise<void> {
    await inTransaction(pool, async (client) => {
      await lockGroup(client);
      await client.query('delete from event_log.group_members where group_name = $1 and member_id = $2', [group, member]);
      await client.query(
        'update event_log.group_partitions set member_id = null, epoch = epoch + 1 where group_name = $1 and member_id = $2',
        [group, member],
      );
      await client.query('select pg_notify($1, $2)', [GROUP_CHANNEL, group]);
    });
  }

  async function lockGroup(client: pg.PoolClient): Promise<void> {
    await client.query('insert into event_log.consumer_groups (name) values ($1) on conflict do nothing', [group]);
    await client.query('select from event_log.consumer_groups where name = $1 for update', [group]);
  }

  return { beat, release, leave };
}

export type Group = ReturnType<typeof createGroup>;
