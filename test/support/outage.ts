import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import { until } from '#local/engines/process.ts';
import { partitionOf } from '#platform/event-log/event-log.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import type { MeteringChain } from './metering-chain.ts';
import { EVENT_NAME, type OutageLoad, type SentEvent, startOutageLoad } from './outage-load.ts';

/** An engine that can be killed and started again on its data and port. */
export interface MortalEngine {
  readonly name: string;
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** For the engine that holds the log: nobody can be asked how long it is while it is away, and this says what waits beside it. */
  waitingBeside?(): number;
}

/** How long the engine is away. The requirement is 60 s; a run that has to be short shows the same with 20. */
export const OUTAGE_SECONDS = Number(process.env.FLEXPRICE_TEST_OUTAGE_SECONDS ?? 20);
/** A Kafka consumer that lost its broker tries again after ten seconds at most, and may then wait until its former membership has run out (45 s). */
const WAIT_MS = 150_000;
/** For the whole test: besides the outage, engines start, and what was missed is caught up. */
export const OUTAGE_TEST_MS = OUTAGE_SECONDS * 1000 + 4 * WAIT_MS;
const HOUR_MS = 3_600_000;

export interface OutageReport {
  readonly load: OutageLoad;
  /** While the engine was away. */
  readonly acknowledgedMeanwhile: number;
  readonly refusalsMeanwhile: number;
  /** Records that waited at the end of the outage, in the log or beside it. */
  readonly lagAtItsEnd: bigint;
  /** From the engine's first answer until those were consumed, with the load going on. */
  readonly recoverySeconds: number;
}

/**
 * Sends events all along, kills the engine, keeps it away, starts it again, and stops the load once what waited is consumed. Resolves
 * when nothing waits any more. `meanwhile` runs in the outage.
 */
export async function rideOutage(chain: MeteringChain, engine: MortalEngine, meanwhile: () => Promise<void>): Promise<OutageReport> {
  const load = startOutageLoad(chain);
  const more = (what: string, count: number): Promise<void> => {
    const goal = load.acknowledged.size + count;
    return eventually(chain, what, async () => load.acknowledged.size >= goal);
  };
  const replayed = async (): Promise<boolean> => (engine.waitingBeside?.() ?? 0) === 0;
  const scenario = async (): Promise<Omit<OutageReport, 'load'>> => {
    await more('events are accepted', 200);
    const early = await chain.ends();
    await eventually(chain, 'events are consumed', async () => (await chain.lag(early)) === 0n);

    await engine.kill();
    const [acknowledged, refusals, ends] = [load.acknowledged.size, load.refusals(), performance.now() + OUTAGE_SECONDS * 1000];
    await meanwhile();
    await wait(Math.max(0, ends - performance.now()));
    const [acknowledgedMeanwhile, refusalsMeanwhile] = [load.acknowledged.size - acknowledged, load.refusals() - refusals];
    const lagAtItsEnd = engine.waitingBeside ? BigInt(engine.waitingBeside()) : await chain.lag();

    await engine.restart();
    const back = performance.now();
    // What waits beside the log is in it once it is replayed.
    await eventually(chain, `what ${engine.name} left waiting beside the log is replayed`, replayed);
    const missed = await chain.ends();
    await eventually(chain, `what was missed while ${engine.name} was away is consumed`, async () => (await chain.lag(missed)) === 0n);
    const recoverySeconds = (performance.now() - back) / 1000;
    await more('events are accepted after the outage', 200);
    return { acknowledgedMeanwhile, refusalsMeanwhile, lagAtItsEnd, recoverySeconds };
  };
  // Whichever fails first is the error to be shown. The senders alone end only by failing.
  const failing = load.done.then(() => {
    throw new Error('the load ended before it was told to');
  });
  const report = await Promise.race([scenario(), failing]).finally(() => load.stop());
  await eventually(chain, 'nothing waits any more', async () => (await replayed()) && (await chain.lag()) === 0n);
  if (process.env.FLEXPRICE_TEST_OUTAGE_SECONDS !== undefined)
    process.stderr.write(`${engine.name} away for ${OUTAGE_SECONDS} s: ${figures(report, load)}\n`);
  return { load, ...report };
}

async function eventually(chain: MeteringChain, what: string, condition: () => Promise<boolean>): Promise<void> {
  let last: unknown;
  const done = await until(
    () => {
      const [ended] = chain.ended();
      if (ended !== undefined) throw new Error(ended);
      // An engine that has just come back may refuse the question, too.
      return condition().catch((error: unknown) => {
        last = error;
        return false;
      });
    },
    WAIT_MS,
    100,
  );
  if (!done) throw new Error(`did not happen within ${WAIT_MS / 1000} s: ${what}`, { cause: last });
}

function figures(report: Omit<OutageReport, 'load'>, load: OutageLoad): string {
  return Object.entries({
    acknowledged: load.acknowledged.size,
    copies: load.copies(),
    givenUp: load.givenUp.length,
    ...report,
    recoverySeconds: report.recoverySeconds.toFixed(1),
  })
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/**
 * Every acknowledged event is stored once and counts once; what was not acknowledged is there in whole units or not at all; every
 * record is accounted for; and no process ended. Nothing may be under way any more.
 */
export async function expectNothingLost(chain: MeteringChain, load: OutageLoad): Promise<void> {
  const stored = await chain.rows<{ id: string }>('SELECT id FROM events FINAL WHERE tenant_id = {tenant:String}', {
    tenant: chain.tenantId,
  });
  const times = new Map([...Map.groupBy(stored, ({ id }) => id)].map(([id, rows]) => [id, rows.length]));
  const sent = new Map([...load.acknowledged, ...load.givenUp.flat().map((event) => [event.id, event] as const)]);
  expect({
    lost: shown([...load.acknowledged.keys()].filter((id) => !times.has(id))),
    twice: shown([...times].filter(([, count]) => count > 1).map(([id]) => id)),
    unknown: shown([...times.keys()].filter((id) => !sent.has(id))),
    half: shown(await halfUnits(chain, load, new Set(times.keys()))),
  }).toEqual({ lost: [], twice: [], unknown: [], half: [] });

  const counting = [...times.keys()].flatMap((id) => sent.get(id) ?? []);
  expect(await usage(chain, 'COUNT')).toBe(counting.length);
  expect(await usage(chain, 'SUM')).toBe(sum(counting));
  // A busy customer, and one whose only event came in the last moments of the load.
  for (const customer of ['customer-3', counting.findLast((event) => event.customer.startsWith('new-'))?.customer ?? '']) {
    expect(await usage(chain, 'SUM', customer)).toBe(sum(counting.filter((event) => event.customer === customer)));
  }

  const {
    body: { counts },
  } = await chain.request('GET', '/v1/events/monitoring');
  expect(counts).toMatchObject({
    stored: counting.length,
    accepted: counting.length + counts.duplicates,
    rejected: 0,
    in_flight: 0,
    unaccounted: 0,
    complete: true,
  });
  // A refused attempt whose events were in the log after all makes copies of its own.
  expect(counts.duplicates).toBeGreaterThanOrEqual(load.copies());
  expect(load.copies()).toBeGreaterThan(0);
  expect(await chain.deadLetters()).toBe(0n);
  expect(chain.ended()).toEqual([]);
}

/** The events of a request for one partition are one record: all of them are there or none. */
async function halfUnits(
  { tenantId, environmentId, ...chain }: MeteringChain,
  { givenUp }: OutageLoad,
  stored: ReadonlySet<string>,
): Promise<string[]> {
  const partitions = [...(await chain.ends()).keys()].filter((name) => name.startsWith(`${TOPICS.events}/`)).length;
  const unitOf = ({ customer }: SentEvent) => partitionOf(`${tenantId}:${environmentId}:${customer}`, partitions);
  return givenUp
    .flatMap((events) => [...Map.groupBy(events, unitOf).values()])
    .filter((unit) => new Set(unit.map(({ id }) => stored.has(id))).size > 1)
    .map((unit) => unit.map(({ id }) => `${id} ${stored.has(id) ? 'there' : 'absent'}`).join(', '));
}

async function usage(chain: MeteringChain, type: 'COUNT' | 'SUM', customer?: string): Promise<number> {
  const { status, body } = await chain.request('POST', '/v1/events/usage', {
    event_name: EVENT_NAME,
    aggregation_type: type,
    property_name: 'tokens',
    start_time: new Date(Date.now() - HOUR_MS).toISOString(),
    end_time: new Date(Date.now() + HOUR_MS).toISOString(),
    ...(customer === undefined ? {} : { external_customer_id: customer }),
  });
  expect({ status, body }).toMatchObject({ status: 200 });
  return body.value;
}

/** The first of many, and how many they are. */
function shown(items: readonly string[]): readonly string[] {
  return items.length > 20 ? [...items.slice(0, 20), `... ${items.length} in all`] : items;
}

function sum(events: readonly SentEvent[]): number {
  return events.reduce((total, { tokens }) => total + tokens, 0);
}
