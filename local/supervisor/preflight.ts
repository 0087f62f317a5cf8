import type { Config } from '#platform/config/schema.ts';
import { freeBytes } from '../disk.ts';
import { writable } from '../engines/account.ts';
import { freePort, isFree, portFrom } from '../ports.ts';
import { StartError } from '../start-error.ts';
import { ANOTHER_FOLDER } from './data-dir.ts';

/** Of the API, where the configuration names none. */
export const DEFAULT_PORT = 8080;
const NEEDED_BYTES = 1.5 * 1024 ** 3;

/** Throws StartError when the folder cannot be written to or its disk is nearly full. */
export async function checkDisk(folder: string): Promise<void> {
  if (!writable(folder)) throw new StartError(`The data directory ${folder} cannot be written to. ${ANOTHER_FOLDER}`);
  const free = await freeBytes(folder);
  if (free < NEEDED_BYTES)
    throw new StartError(
      `The disk of ${folder} has ${Math.floor(free / 1024 ** 2)} MiB left, Local Mode needs 1.5 GiB. Make room, or: ${ANOTHER_FOLDER}`,
    );
}

/**
 * The port of the API: the configured one, else 8080, else the next free one.
 * Throws StartError when a configured port is taken: somebody relies on it.
 */
export async function serverPort({ port, host }: Config['server']): Promise<number> {
  if (port === undefined) return portFrom(DEFAULT_PORT, host);
  if (port === 0) return freePort();
  if (await isFree(port, host)) return port;
  throw new StartError(
    `Port ${port} is taken. Stop what listens on it, set FLEXPRICE_SERVER_PORT to another one, or unset it to get the next free one.`,
  );
}
