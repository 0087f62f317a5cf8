import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { Engines } from '#module/engines.ts';

/** Postgres takes 16 MiB at a time for its log: with less than twice that nothing can be relied on to be written. */
const FULL_BYTES = 32 * 1024 ** 2;

/** Bytes that are left on the disk of a folder. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Whether so many bytes are no room to write in. */
export function isFull(bytes: number): boolean {
  return bytes < FULL_BYTES;
}

/** Throws when nothing can be relied on to be written to the disk of a folder. */
export async function assertRoom(folder: string, free = freeBytes): Promise<void> {
  if (isFull(await free(folder))) throw new Error(`the disk of ${folder} is full`);
}

/** An app of Local Mode, whose readiness also says whether there is room to write: on a full disk every engine still answers. */
export function withDisk<A extends Pick<Engines, 'config' | 'readiness'>>(app: A): A {
  const { deployment, local } = app.config;
  if (deployment.mode !== 'local' || !existsSync(local.data_dir)) return app;
  const readiness: Engines['readiness'] = () => ({ ...app.readiness(), disk: () => assertRoom(local.data_dir) });
  return Object.create(app, { readiness: { value: readiness } }) as A;
}
