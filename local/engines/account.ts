import { execFileSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StartError } from '../start-error.ts';

/** The account that Postgres runs as when this process is root (Postgres refuses to run as root). */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const NAME = 'postgres';

/** Undefined where this process is not root: then Postgres runs as the same user. Creates the account where it is missing. */
export function postgresAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const found = lookUp();
  if (found) return found;
  try {
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', NAME], { stdio: 'pipe' });
  } catch (error) {
    throw new StartError(
      `Postgres does not run as root, and the account "${NAME}" for it could not be created: ${(error as Error).message}`,
    );
  }
  const created = lookUp();
  if (!created) throw new StartError(`Postgres does not run as root, and there is no account "${NAME}" for it`);
  return created;
}

function lookUp(): Account | undefined {
  try {
    const id = (flag: string): number => Number(execFileSync('id', [flag, NAME], { stdio: 'pipe' }).toString());
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

/** The folder on the way to `path` (absolute) that the account may not enter; undefined when all are open to it. */
export function closedFolder(path: string, { uid, gid }: Account): string | undefined {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode, uid: owner, gid: group } = statSync(folder);
    const shift = owner === uid ? 6 : group === gid ? 3 : 0;
    if (((mode >> shift) & 1) === 0) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/** A command and its arguments, as they have to be spawned to run under the account. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * How to run a program of Postgres on a data directory.
 * A checkout under root's closed home folder (0700) is out of the account's reach. There the program keeps the one
 * capability that opens folders, by `setpriv`; nothing is copied elsewhere and no folder's rights are changed.
 */
export function launch(command: string, args: readonly string[], folders: readonly string[], account: Account | undefined): Launch {
  if (!account) return { command, args };
  const closed = [command, ...folders].map((path) => closedFolder(path, account)).find((folder) => folder !== undefined);
  if (closed === undefined) return { command, args, ...account };
  const privileges = [
    `--reuid=${account.uid}`,
    `--regid=${account.gid}`,
    '--clear-groups',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    // Without it access(2) forgets the capability, and Postgres asks that way whether it finds its own program.
    '--securebits=+no_setuid_fixup',
  ];
  try {
    execFileSync('setpriv', [...privileges, 'test', '-x', command], { stdio: 'pipe' });
  } catch {
    throw new StartError(
      `Postgres does not run as root, and its account "${NAME}" cannot enter ${closed}. ` +
        `Either open that folder (chmod o+x ${closed}) or keep the checkout and FLEXPRICE_LOCAL_DATA_DIR outside of it.`,
    );
  }
  return { command: 'setpriv', args: [...privileges, command, ...args] };
}

/** True when this process can create files in the folder. */
export function writable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
