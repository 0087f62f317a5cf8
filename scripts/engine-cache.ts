import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { cachedFolder, type InstalledEngine, isInstalled } from '../local/engines/paths.ts';

/**
 * Builds an engine beside its place in the machine's cache and moves it there, then links it into this clone. What it makes must bear to be moved.
 * Throws what `install` throws, and leaves nothing behind then.
 */
export function installInto(engine: InstalledEngine, install: (folder: string) => void): void {
  const cached = cachedFolder(engine);
  mkdirSync(dirname(cached), { recursive: true });
  const building = mkdtempSync(`${cached}.building-`);
  try {
    install(building);
    moveUnlessThere(building, cached);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  isInstalled(engine);
}

/** A clone that installed the same in the meantime was as good. */
function moveUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}
