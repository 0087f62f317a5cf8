import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '#platform/config/load.ts';
import { localApi } from './running.ts';

const folder = mkdtempSync(join(tmpdir(), 'flexprice-running-'));
const config = (env: Readonly<Record<string, string>> = {}) =>
  loadConfig({ env: { FLEXPRICE_LOCAL_DATA_DIR: folder, ...env }, file: 'no-such-file.yaml' });
/** Stands for a supervisor: known by its command line. */
const supervisor = spawn(process.execPath, ['-e', 'process.stdout.write("up"); setInterval(() => {}, 1000)', 'local/start.ts']);
beforeAll(async () => {
  await once(supervisor.stdout, 'data');
  writeFileSync(join(folder, 'api.url'), 'http://localhost:8123\n');
});
afterAll(() => {
  supervisor.kill();
  rmSync(folder, { recursive: true, force: true });
});

test('the API of this machine is that of the Local Mode that runs, else the configured one, else unknown', () => {
  expect(localApi(config())).toBeNull();
  expect(localApi(config({ FLEXPRICE_SERVER_PORT: '8200' }))).toBe('http://localhost:8200');
  writeFileSync(join(folder, 'supervisor.lock'), String(supervisor.pid));
  expect(localApi(config())).toBe('http://localhost:8123');
  expect(localApi(config({ FLEXPRICE_SERVER_PORT: '8200' }))).toBe('http://localhost:8123');
});
