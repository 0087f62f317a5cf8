import { LRUCache } from 'lru-cache';
import type { Clock } from '#kernel/clock.ts';
import type { IngestTerms, RequestContext } from '#kernel/context.ts';
import { DomainError } from '#kernel/errors.ts';
import type { Database } from '#platform/postgres/database.ts';
import { fullBucket, type Quota, take } from '../domain/token-bucket.ts';
import { ingestBuckets } from '../repository/ingest-buckets.ts';

/** What this process has taken out of a bucket and not used yet, and until when it need not ask again for so many. */
interface Share {
  left: number;
  refusedFrom: number;
  refusedUntilMs: number;
  /** Those that found too little left ask the bucket one after the other: what one brings may do for the next. */
  last: Promise<unknown>;
  /** How often the bucket could not be asked: who waited for one that failed does not wait for the next to fail, too. */
  failures: number;
}

export interface QuotaDependencies {
  readonly database: Database;
  readonly clock: Clock;
}
export type Quotas = ReturnType<typeof createQuotas>;

const REMEMBERED = 10_000;
/** A process takes a twentieth of a second's worth at a time, so that a busy tenant costs it twenty small transactions a second at most. */
const SHARES_PER_SECOND = 20;
/** Somebody else's pause may bring events sooner than the bucket said. */
const ASK_AGAIN_MS = 250;

/**
 * Quotas of tenants and keys over all processes: the buckets are rows in Postgres, of which a process takes a share at a time. Together they
 * never let in more than a quota allows. While Postgres is away everything is let in: a limit is no reason to lose an event.
 */
export function createQuotas({ database, clock }: QuotaDependencies) {
  const shares = new LRUCache<string, Share>({ max: REMEMBERED });

  const shareOf = (key: string): Share => {
    const share = shares.get(key) ?? {
      left: 0,
      refusedFrom: Number.POSITIVE_INFINITY,
      refusedUntilMs: 0,
      last: Promise.resolve(),
      failures: 0,
    };
    shares.set(key, share);
    return share;
  };

  /** Takes the events out of what is left; nobody else can take them as well, because nothing is awaited in between. */
  const takeLeft = (share: Share, wanted: number): boolean => {
    if (share.left < wanted) return false;
    share.left -= wanted;
    return true;
  };

  /** Takes a new share out of the bucket, with what is left set aside meanwhile. Answers how long to wait; 0 when the events are let in, as they are while the bucket cannot be asked. */
  const takeMore = async (ctx: RequestContext, share: Share, scope: string, quota: Quota, wanted: number): Promise<number> => {
    if (takeLeft(share, wanted)) return 0;
    const nowMs = clock.now().toMillis();
    if (wanted >= share.refusedFrom && nowMs < share.refusedUntilMs) return share.refusedUntilMs - nowMs;
    const aside = share.left;
    share.left = 0;
    try {
      const missing = wanted - aside;
      const most = Math.max(missing, Math.ceil(quota.eventsPerSecond / SHARES_PER_SECOND));
      const { granted, waitMs } = await database.withTenant({ ...ctx, environmentId: '' }, async (tx) => {
        const taken = take(await ingestBuckets.lock(tx, scope, fullBucket(quota, nowMs)), quota, { wanted: missing, most, nowMs });
        await ingestBuckets.save(tx, scope, taken.bucket);
        return taken;
      });
      if (granted > 0) {
        share.left += granted - missing;
        return 0;
      }
      Object.assign(share, { refusedFrom: wanted, refusedUntilMs: nowMs + Math.min(waitMs, ASK_AGAIN_MS) });
      share.left += aside;
      return waitMs;
    } catch (error) {
      share.left += aside;
      if (!isAway(error)) throw error;
      share.failures += 1;
      return 0;
    }
  };

  const admit = (ctx: RequestContext, scope: string, quota: Quota, wanted: number): number | Promise<number> => {
    const share = shareOf(`${ctx.tenantId} ${scope}`);
    if (takeLeft(share, wanted)) return 0;
    const { failures } = share;
    const mine = share.last.then(() => (share.failures > failures ? 0 : takeMore(ctx, share, scope, quota, wanted)));
    share.last = mine.catch(() => undefined);
    return mine;
  };

  return {
    /** Lets the events in, or throws `too_many_requests` with the quota that is used up and when there is room again. */
    async admit(ctx: RequestContext, events: number): Promise<void> {
      const taken: string[] = [];
      for (const [of, scope, quota] of quotasOf(ctx.ingest)) {
        if (events > quota.burst) throw refusal(of, quota, events, null);
        const waitMs = await admit(ctx, scope, quota, events);
        if (waitMs > 0) {
          // What an earlier quota let in is not used.
          for (const earlier of taken) shareOf(`${ctx.tenantId} ${earlier}`).left += events;
          throw refusal(of, quota, events, clock.now().plus({ milliseconds: waitMs }).toUTC().toISO(), waitMs);
        }
        taken.push(scope);
      }
    },
  };
}

/** A bucket that cannot be asked, or that somebody else holds for too long. */
function isAway(error: unknown): boolean {
  return error instanceof DomainError && (error.code === 'service_unavailable' || error.code === 'version_conflict');
}

function quotasOf(terms: IngestTerms | undefined): [of: 'key' | 'tenant', scope: string, quota: Quota][] {
  if (terms === undefined) return [];
  const { keyId, keyQuota, tenantQuota } = terms;
  return [
    ...(keyQuota === null ? [] : [['key', keyId, keyQuota] as ['key', string, Quota]]),
    ...(tenantQuota === null ? [] : [['tenant', 'tenant', tenantQuota] as ['tenant', string, Quota]]),
  ];
}

function refusal(of: 'key' | 'tenant', { eventsPerSecond, burst }: Quota, events: number, resetAt: string | null, waitMs = 0): DomainError {
  const details = { quota: of, events_per_second: eventsPerSecond, burst, requested: events };
  if (resetAt === null)
    return new DomainError('validation_error', `events: ${events} at once are more than the ${of}'s burst of ${burst}`, {
      field: 'events',
      ...details,
    });
  return new DomainError('too_many_requests', `the ${of}'s quota of ${eventsPerSecond} events per second is used up`, {
    ...details,
    reset_at: resetAt,
    retry_after_seconds: Math.ceil(waitMs / 1000),
  });
}
