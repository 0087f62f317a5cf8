// Health check of every container: plain JavaScript, since it starts each half minute. A process behind HTTP is asked; one without
// is well while it touches its file, which it does every five seconds as long as its event loop turns (local/child.ts).
import { statSync } from 'node:fs';

const OLDEST_MS = 60_000;
const { FLEXPRICE_DEPLOYMENT_HEALTH_FILE: file, FLEXPRICE_SERVER_PORT: port = '8080' } = process.env;

async function isWell() {
  if (file !== undefined) return Date.now() - statSync(file).mtimeMs < OLDEST_MS;
  return (await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(3_000) })).ok;
}

process.exitCode = (await isWell().catch(() => false)) ? 0 : 1;
