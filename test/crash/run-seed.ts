import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { partitionOf } from '#platform/event-log/event-log.ts';
import { TOPICS, topicSpecs } from '#platform/event-log/topics.ts';
import { runActions } from './chaos.ts';
import { type Host, type HostOptions, startHost } from './host.ts';
import { runLoad } from './load.ts';
import { makePlan, type PlanOptions } from './make-plan.ts';
import { CrashMismatch, type Finding } from './mismatch.ts';
import { wrongNumbers } from './numbers.ts';
import { recordOverflow } from './overflow.ts';
import type { Plan, PlannedEvent } from './plan.ts';
import { settled } from './settle.ts';
import { ask, statusOf, storedEvents } from './stored.ts';
import { judge, type Verdict } from './verdict.ts';

export interface SeedOptions extends HostOptions {
  /** Parts of the plan that are not left to the seed. */
  readonly plan?: Partial<PlanOptions>;
  /** Does something to the engines before the load. */
  readonly prepare?: (host: Host) => Promise<void>;
  /** Of a run that fails. Default true. */
  readonly keepLogs?: boolean;
}

export interface SeedReport {
  readonly seed: number;
  readonly seconds: number;
  readonly requests: number;
  readonly acknowledgedEvents: number;
  readonly countedEvents: number;
  readonly copies: number;
  readonly laidAside: number;
  readonly kills: number;
  readonly unacknowledged: Verdict['unacknowledged'];
  readonly questions: number;
}

/** Looks this often whether something came after all: a request that its sender gave up may still be under way. */
const LOOKS = 5;

/**
 * Runs one seed from an empty Local Mode to its comparison. Throws CrashMismatch with the whole report when an acknowledged event is missing,
 * counts twice, or a number is not what the events say; the logs and the plan are kept then.
 */
export async function runSeed(
  seed: number,
  { plan: planned = {}, prepare, keepLogs = true, ...hostOptions }: SeedOptions = {},
): Promise<SeedReport> {
  const began = performance.now();
  const host = await startHost(hostOptions);
  let plan: Plan | undefined;
  try {
    const overflow = await recordOverflow(host);
    await prepare?.(host);
    const made = makePlan(seed, { processes: host.processes(), ...planned });
    plan = made;

    let answered = 0;
    let over = false;
    const loading = runLoad(host, made, () => {
      answered += 1;
    }).finally(() => {
      over = true;
    });
    const acting = runActions(host, made.actions, { answered: () => answered, over: () => over });
    const [outcomes, kills] = await Promise.all([loading, acting]);
    host.log('the load is over');

    for (let look = 1; ; look += 1) {
      const before = await settled(host, overflow);
      host.log('settled');
      const [stored, laidAside] = [await storedEvents(host, made), await overflow.laidAside()];
      host.log('listed');
      const verdict = judge({ plan: made, outcomes, stored, laidAside, unitOf: await unitsOf(host, hostOptions.kafka !== undefined) });
      const { asked, findings } = await wrongNumbers(host, made, verdict.counting);
      const all = [
        ...verdict.findings,
        ...(await unfinished(
          host,
          made,
          stored.map(({ id }) => id),
        )),
        ...findings,
      ];
      host.log('compared');
      if ((await settled(host, overflow)) !== before && look < LOOKS) continue;
      if (all.length > 0) throw new CrashMismatch('what is stored is not what was acknowledged', all);
      const events = made.requests.flatMap((request) =>
        request.events.map((event) => ({ event, accepted: outcomes[request.index]?.accepted === true })),
      );
      await host.stop(false);
      return {
        seed,
        seconds: (performance.now() - began) / 1000,
        requests: made.requests.length,
        kills,
        questions: asked,
        laidAside: laidAside.size,
        acknowledgedEvents: events.filter(({ accepted }) => accepted).length,
        countedEvents: verdict.counting.length,
        copies: events.length - new Set(events.map(({ event }) => event.id)).size,
        unacknowledged: verdict.unacknowledged,
      };
    }
  } catch (error) {
    throw await failure(host, seed, plan, error, keepLogs);
  }
}

/** A claimed id without its event would be a loss that nothing repairs any more. */
async function unfinished(host: Host, plan: Plan, stored: readonly string[]): Promise<Finding[]> {
  const there = new Set(stored);
  const absent = new Map(
    plan.requests
      .flatMap(({ events }) => events)
      .filter(({ id }) => !there.has(id))
      .map((event) => [event.id, event]),
  );
  const findings: Finding[] = [];
  for (const id of [...absent.keys()].slice(0, 100)) {
    const status = await statusOf(host, id);
    if (status !== 'not found')
      findings.push({
        kind: 'claimed without event',
        what: `event ${id}`,
        expected: 'not found, as it is not in the list',
        actual: status,
        events: [],
      });
  }
  return findings;
}

/**
 * What of a request comes together: in Postgres all of it, because an append is one statement; in Kafka what goes to one partition,
 * because that is one record.
 */
async function unitsOf(host: Host, isKafka: boolean): Promise<(event: PlannedEvent) => string> {
  if (!isKafka) return () => 'the whole request';
  const partitions = topicSpecs(host.config).find(({ name }) => name === TOPICS.events)?.partitions ?? 1;
  const { tenant_id: tenantId, environment_id: environmentId } = await keyParts(host);
  return ({ customer }) => `partition ${partitionOf(`${tenantId}:${environmentId}:${customer}`, partitions)}`;
}

async function keyParts(host: Host): Promise<{ tenant_id: string; environment_id: string }> {
  const { body } = await ask(host, '/v1/customers', { external_id: 'crash-run', name: 'Crash run' });
  return body as { tenant_id: string; environment_id: string };
}

async function failure(host: Host, seed: number, plan: Plan | undefined, error: unknown, keepLogs: boolean): Promise<unknown> {
  const folder = await host.stop(keepLogs);
  if (folder === undefined) return error;
  const findings = error instanceof CrashMismatch ? error.findings : [];
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan, null, 1));
  writeFileSync(join(folder, 'findings.json'), JSON.stringify(findings, null, 1));
  const report = [
    `seed ${seed}: ${error instanceof Error ? error.message : String(error)}`,
    `  plan: ${plan?.requests.length} requests, ${JSON.stringify(plan?.actions)}`,
    `  logs, plan.json and findings.json: ${folder}`,
  ].join('\n');
  return Object.assign(error instanceof Error ? error : new Error(), { message: report });
}
