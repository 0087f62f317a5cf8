import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';
import { type Figures, percentiles } from './figures.ts';
import type { Sizes } from './sizes.ts';
import type { Server } from './surroundings.ts';

export interface Load {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  /** Events (or other things) that one request brings. */
  readonly perRequest: number;
  /** Sent in turns. A function makes a new one for each request. */
  readonly bodies: readonly string[] | (() => string);
}

/** Ticks of /proc are hundredths of a second on every Linux that Node runs on. */
const TICK_MS = 10;

/** Requests for some seconds, after a warm-up. Throws when a single one was not answered well: the rate of refusals is no figure. */
export async function underLoad(server: Server, load: Load, { warmUpSeconds, loadSeconds }: Sizes): Promise<Figures> {
  await shoot(server, load, warmUpSeconds);
  return shoot(server, load, loadSeconds);
}

async function shoot(
  { url, pid }: Server,
  { method, path, headers, connections, perRequest, bodies }: Load,
  duration: number,
): Promise<Figures> {
  // autocannon's own histogram counts whole milliseconds, which is too coarse for the bare server.
  const durations: number[] = [];
  const before = processorMs(pid);
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const all = { 'content-type': 'application/json', ...headers };
    const requests: autocannon.Request[] =
      typeof bodies === 'function'
        ? [{ method, path, headers: all, setupRequest: (request) => ({ ...request, body: bodies() }) }]
        : bodies.map((body) => ({ method, path, headers: all, ...(method === 'GET' ? {} : { body }) }));
    const instance = autocannon({ url, connections, duration, requests }, (error: unknown, done) =>
      error ? reject(error as Error) : resolve(done),
    );
    instance.on('response', (_client, _status, _bytes, milliseconds) => {
      durations.push(milliseconds);
    });
  });
  if (result.errors > 0 || result.non2xx > 0)
    throw new Error(`${path}: ${result.errors} requests failed, ${result.non2xx} were not accepted`);
  const [count, after] = [result['2xx'] * perRequest, processorMs(pid)];
  return {
    perSecond: count / result.duration,
    ...percentiles(durations),
    ...(before === undefined || after === undefined ? {} : { cpuMs: (after - before) / count }),
  };
}

/** Processor time of a process so far, all its threads together; undefined where there is no /proc. */
function processorMs(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return undefined;
  }
}
