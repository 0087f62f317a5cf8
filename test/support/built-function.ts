import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { GatewayResult } from '#platform/http/request.ts';

/** A built Lambda function in a process of its own, as the runtime of Lambda has it: one request at a time. */
export interface BuiltFunction {
  /** One that answers a request. */
  invoke(event: unknown): Promise<GatewayResult>;
  /** One that answers nothing. */
  run(event: unknown): Promise<void>;
  /** What it has printed so far. */
  output(): string;
  stop(): Promise<void>;
}

const BOOTSTRAP = `
const { handler } = await import(process.argv[2]);
process.on('disconnect', () => process.exit(0));
process.on('message', async (event) => {
  try {
    process.send({ result: await handler(event, { awsRequestId: 'request-of-the-runtime', functionName: 'test' }) });
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) });
  }
});
process.send({ ready: true });
`;

/** Loads the bundle at `path` with exactly this environment. Rejects with its output when it does not load. */
export async function startBuiltFunction(path: string, env: NodeJS.ProcessEnv): Promise<BuiltFunction> {
  const folder = mkdtempSync(join(tmpdir(), 'flexprice-function-'));
  const script = join(folder, 'bootstrap.mjs');
  writeFileSync(script, BOOTSTRAP);
  const child = fork(script, [pathToFileURL(path).href], { cwd: folder, env, silent: true, execArgv: [] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => {
      output += text;
    });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const answer = () =>
    new Promise<{ result?: GatewayResult; error?: string }>((resolve, reject) => {
      child.once('message', resolve as (message: unknown) => void);
      void exited.then((code) => reject(new Error(`the function ended with code ${code}:\n${output}`)));
    });
  await answer();
  const ask = async (event: unknown): Promise<GatewayResult | undefined> => {
    const answered = answer();
    child.send(event as object);
    const { result, error } = await answered;
    if (error !== undefined) throw new Error(`${error}\n${output}`);
    return result;
  };
  return {
    async invoke(event) {
      const result = await ask(event);
      if (result === undefined) throw new Error('the function answered nothing');
      return result;
    },
    async run(event) {
      await ask(event);
    },
    output: () => output,
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
