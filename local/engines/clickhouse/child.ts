// The embedded ClickHouse: a process of its own, because the engine keeps one data directory per process and an abort of it ends the process.
import type { AddressInfo } from 'node:net';
import { totalmem } from 'node:os';
import { outliveLostLines } from '#workers/log-streams.ts';
import { Connection, ConnectionPool } from './connection.ts';
import { loadNativeEngine } from './native.ts';
import { createClickHouseServer } from './server.ts';

const CONNECTIONS = 4;
const MIB = 1024 * 1024;

outliveLostLines();
const [dataDir, port] = process.argv.slice(2) as [string, string];

const baseline = new Map([
  ['max_memory_usage', String(Math.max(1024 * MIB, Math.floor(totalmem() / 2)))],
  // Results are held in memory as a whole, by the engine and by this process.
  ['max_result_bytes', String(512 * MIB)],
  ['result_overflow_mode', 'throw'],
]);

const engine = loadNativeEngine();
const pool = new ConnectionPool(Array.from({ length: CONNECTIONS }, () => new Connection(engine, dataDir, baseline)));
const server = createClickHouseServer(pool, { maxBodyBytes: 512 * MIB });

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  // What is acknowledged is on disk; a long query is not worth waiting for.
  setTimeout(() => process.exit(0), 3_000).unref();
  server.close();
  server.closeIdleConnections();
  await pool.close();
  process.exit(0);
}

// A parent that died has closed the channel: without this the process would keep the data directory locked.
process.on('disconnect', () => void stop());
process.on('message', (message: { type?: string }) => {
  if (message.type === 'stop') void stop();
});
process.on('SIGTERM', () => void stop());
// Ctrl-C reaches the whole process group; the parent decides the order of stopping.
process.on('SIGINT', () => {});

server.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
server.listen(Number(port), '127.0.0.1', () => {
  process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port });
});
