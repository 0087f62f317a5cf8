import { freeBytes, isFull } from '../disk.ts';
import type { Output } from './output.ts';

const EVERY_MS = 2_000;

/** Tells a person when the disk of the data directory is full, and when there is room again: what cannot be written says so nowhere else. */
export function watchDisk(folder: string, output: Output, everyMs = EVERY_MS, free = freeBytes): { stop(): void } {
  let full = false;
  const look = async (): Promise<void> => {
    const bytes = await free(folder);
    // Room again is twice as much: what is freed for a moment is used up at once.
    const now = isFull(full ? bytes / 2 : bytes);
    if (now === full) return;
    full = now;
    if (full) output.warn(`The disk is full (${folder}): nothing new is accepted until there is room`);
    else output.step('The disk has room again');
  };
  const timer = setInterval(() => void look().catch(() => undefined), everyMs).unref();
  return { stop: () => clearInterval(timer) };
}
