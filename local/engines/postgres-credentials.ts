import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

/** Passwords of the embedded cluster. They never leave the data directory but as configuration of our own processes. */
const credentials = z.object({ superuser: z.string().min(1), migrator: z.string().min(1), app: z.string().min(1) });
export type Credentials = z.infer<typeof credentials>;

/** Reads `credentials.json` of the data directory; makes it with random passwords on first use (mode 0600). */
export function loadCredentials(dataDir: string): Credentials {
  const path = join(dataDir, 'credentials.json');
  if (existsSync(path)) return credentials.parse(JSON.parse(readFileSync(path, 'utf8')));
  const password = (): string => randomBytes(24).toString('base64url');
  const fresh: Credentials = { superuser: password(), migrator: password(), app: password() };
  writeFileSync(`${path}.new`, `${JSON.stringify(fresh, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return fresh;
}
