import type { DateTime } from 'luxon';
import { LRUCache } from 'lru-cache';

/** A key's use is noted this often at most. */
const NOTED_EVERY_MS = 60_000;
/** Keys of one statement. */
const TOGETHER = 1_000;
const MAX = 10_000;

/** Notes when keys were last used, behind the requests: nobody waits for it, and a note that fails is left out. */
export function createKeyUses(write: (keyIds: readonly string[], at: DateTime) => Promise<void>) {
  const noted = new LRUCache<string, number>({ max: MAX });
  const waiting = new Set<string>();
  let writing = false;

  const writeAll = async (at: DateTime): Promise<void> => {
    writing = true;
    while (waiting.size > 0) {
      const some = [...waiting].slice(0, TOGETHER);
      for (const id of some) waiting.delete(id);
      await write(some, at).catch(() => undefined);
    }
    writing = false;
  };

  return {
    /** @param usedAtMs when the key's use was noted by anybody, as far as is known */
    used(keyId: string, usedAtMs: number | null, now: DateTime): void {
      const nowMs = now.toMillis();
      if (nowMs - (noted.get(keyId) ?? usedAtMs ?? 0) < NOTED_EVERY_MS) return;
      noted.set(keyId, nowMs);
      waiting.add(keyId);
      if (!writing) void writeAll(now);
    },
  };
}
