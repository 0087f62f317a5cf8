import { existsSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** A program from elsewhere that `scripts/engines.ts` installs. */
export interface InstalledEngine {
  readonly name: string;
  readonly version: string;
  /** Within this clone: a link to the machine's copy. */
  readonly folder: string;
}

const LINKS = resolve(import.meta.dirname, '../../.engines');

/** The real engines of tests and of `npm run start:real`, and tools that are installed like them. */
export const ENGINES = {
  kafka: engine('kafka', '3.9.1'),
  temporal: engine('temporal', '1.5.1'),
  /** Speaks SQS's protocol, with visibility time-outs and redrive. */
  elasticmq: engine('elasticmq', '1.7.1'),
  /** Linters of templates and Dockerfiles (scripts/lint-infra.ts): cfn-lint and hadolint. */
  linters: engine('linters', '1.58.0-2.15.1'),
} as const satisfies Record<string, InstalledEngine>;

/**
 * Where the machine keeps an engine for all clones: it is there whole or not at all, since it is built beside and moved there.
 * Below `$XDG_CACHE_HOME`, or `~/.cache` where that is not set.
 */
export function cachedFolder({ name, version }: InstalledEngine): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'flexprice', 'engines', `${name}-${version}`);
}

/** Whether an engine of this version is on the machine. Links it into this clone if so; says nothing of what it needs to run. */
export function isInstalled(engine: InstalledEngine): boolean {
  const cached = cachedFolder(engine);
  if (!existsSync(cached)) return false;
  if (linkOf(engine.folder) !== cached) link(cached, engine.folder);
  return true;
}

function engine(name: string, version: string): InstalledEngine {
  return { name, version, folder: join(LINKS, name) };
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { recursive: true, force: true });
  try {
    symlinkSync(target, path);
  } catch (error) {
    // Another process of this clone was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
