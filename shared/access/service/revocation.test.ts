import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { DateTime } from 'luxon';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { unavailable } from '#kernel/errors.ts';
import { hashKey } from '../domain/key-hash.ts';
import type { KeyPrincipal, PrincipalStore } from '../domain/principal.ts';
import { createAuthenticator } from './authenticator.ts';

const START = DateTime.utc(2026, 3, 1);
const CONFIG = { header: 'x-api-key', cache_seconds: 600, outage_seconds: 3600 };

/** Postgres as far as it matters here: transactions that see and are seen, and a triggers' note of each change. */
function postgres(keys: readonly (readonly [key: string, tenantId: string])[]) {
  let next = 100n;
  const running = new Set<bigint>();
  const alive = new Map(keys.map(([key, tenantId]) => [hashKey(key), tenantId]));
  const changes = new Map<string, bigint>();
  const horizon = () => [...running].reduce((least, xid) => (xid < least ? xid : least), next);
  const asked: string[] = [];
  const uses: string[][] = [];
  /** Replaced by tests that make Postgres slow or absent. */
  const pace = { lookUp: async () => {}, poll: async () => {}, note: async () => {} };
  const begin = () => {
    const xid = next++;
    running.add(xid);
    return xid;
  };
  const commit = (xid: bigint, tenantId: string, change: () => void) => {
    change();
    changes.set(tenantId, xid);
    running.delete(xid);
  };
  const store: PrincipalStore = {
    async findByKeyHash(hash) {
      asked.push('key');
      const tenantId = alive.get(hash);
      const seen = { change: String(changes.get(tenantId ?? '') ?? ''), horizon: horizon() };
      await pace.lookUp();
      if (tenantId === undefined) return null;
      const value: KeyPrincipal = {
        tenantId,
        environmentId: 'env_1',
        actorId: hash,
        actorType: 'api_key',
        roles: [],
        tenantSuspended: false,
        keyId: hash,
        expiresAtMs: null,
        usedAtMs: null,
      };
      return { value, tenantId, ...seen };
    },
    findEnvironment: async () => null,
    async changesSince(since) {
      asked.push('changes');
      const answer = {
        changes: [...changes].filter(([, xid]) => xid >= since).map(([tenantId, xid]) => ({ tenantId, change: String(xid) })),
        horizon: horizon(),
      };
      await pace.poll();
      return answer;
    },
    async noteUses(keyIds) {
      uses.push([...keyIds]);
      await pace.note();
    },
  };
  return {
    store,
    asked,
    uses,
    pace,
    begin,
    commit,
    delete: (key: string) => {
      const tenantId = alive.get(hashKey(key)) ?? '';
      commit(begin(), tenantId, () => alive.delete(hashKey(key)));
    },
    set: (key: string, tenantId: string, exists: boolean) => (exists ? alive.set(hashKey(key), tenantId) : alive.delete(hashKey(key))),
    /** A copy that was restored from yesterday: its transactions are counted from there. */
    restore: () => {
      next = 50n;
      changes.clear();
    },
  };
}

const setUp = (keys: readonly (readonly [string, string])[] = [['sk_1', 't1']], config: Partial<typeof CONFIG> = {}) => {
  const clock = fixedClock(START);
  const database = postgres(keys);
  const sessions = { findByTokenHash: async () => null };
  const authenticator = createAuthenticator({ ...CONFIG, ...config }, { ...database.store, ...sessions }, clock);
  const ask = (key = 'sk_1') =>
    authenticator.authenticate({ 'x-api-key': key }).then(
      () => 'ok',
      (error: Error) => error.message,
    );
  const later = (milliseconds: number) => clock.set(clock.now().plus({ milliseconds }));
  return { ...database, clock, forget: authenticator.forget, ask, later };
};
const REFUSED = 'Invalid API key';

describe('what is changed elsewhere', () => {
  test('is followed within five seconds, and nothing is asked for by a request', async () => {
    const { ask, later, asked, delete: end } = setUp();
    for (let times = 0; times < 100; times += 1) expect(await ask()).toBe('ok');
    expect(asked).toEqual(['key']);
    later(1_999);
    await ask();
    expect(asked).toEqual(['key']);
    end('sk_1');
    later(5_000);
    expect(await ask()).toBe(REFUSED);
  });

  test('is asked for once by all, every two seconds, and nobody waits for it', async () => {
    const { ask, later, asked, pace } = setUp();
    await ask();
    pace.poll = () => new Promise(() => {});
    later(2_000);
    expect(await Promise.all(Array.from({ length: 50 }, () => ask()))).toEqual(Array.from({ length: 50 }, () => 'ok'));
    expect(asked).toEqual(['key', 'changes']);
  });

  test('is waited for by a process that was frozen', async () => {
    const { ask, later, delete: end } = setUp();
    await ask();
    end('sk_1');
    later(3_600_000);
    expect(await ask()).toBe(REFUSED);
  });

  test('is followed by a process whose clock was put back', async () => {
    const { ask, later, asked, delete: end } = setUp();
    await ask();
    later(3_000);
    await ask();
    end('sk_1');
    later(-3_600_000);
    expect(await ask()).toBe(REFUSED);
    expect(asked.filter((what) => what === 'changes')).toHaveLength(2);
  });

  test('is followed within five seconds after the clock was put back, and asked for no more often', async () => {
    const { ask, later, asked, delete: end } = setUp();
    await ask();
    later(-3_600_000);
    for (let times = 0; times < 100; times += 1) expect(await ask()).toBe('ok');
    expect(asked).toEqual(['key', 'changes']);
    end('sk_1');
    later(5_000);
    expect(await ask()).toBe(REFUSED);
  });

  test('concerns the keys of its tenant alone', async () => {
    const {
      ask,
      later,
      asked,
      delete: end,
    } = setUp([
      ['sk_1', 't1'],
      ['sk_1b', 't1'],
      ['sk_2', 't2'],
    ]);
    for (const key of ['sk_1', 'sk_1b', 'sk_2']) await ask(key);
    end('sk_1');
    later(5_000);
    expect(await Promise.all(['sk_1', 'sk_1b', 'sk_2'].map(ask))).toEqual([REFUSED, 'ok', 'ok']);
    expect(asked).toEqual(['key', 'key', 'key', 'changes', 'key', 'key']);
    // The same change is not followed twice.
    later(5_000);
    await Promise.all(['sk_1b', 'sk_2'].map(ask));
    expect(asked.filter((what) => what === 'key')).toHaveLength(5);
  });

  test('is found when its transaction took long, and others were committed and followed meanwhile', async () => {
    const { ask, later, begin, commit, set } = setUp();
    const slow = begin();
    await ask();
    commit(begin(), 't2', () => {});
    for (let times = 0; times < 3; times += 1) {
      later(5_000);
      expect(await ask()).toBe('ok');
    }
    commit(slow, 't1', () => set('sk_1', 't1', false));
    later(5_000);
    expect(await ask()).toBe(REFUSED);
  });

  test('is found when it overtook the look-up, though others had asked about changes meanwhile', async () => {
    const {
      ask,
      later,
      pace,
      delete: end,
    } = setUp([
      ['sk_1', 't1'],
      ['sk_2', 't2'],
    ]);
    await ask('sk_2');
    const slow = Promise.withResolvers<void>();
    pace.lookUp = () => slow.promise;
    const answer = ask('sk_1');
    end('sk_1');
    later(2_000);
    await ask('sk_2');
    await setImmediate();
    slow.resolve();
    expect(await answer).toBe('ok');
    later(4_000);
    expect(await ask('sk_1')).toBe(REFUSED);
  });

  test('is found when the look-up that it overtook came home while the next question was on its way', async () => {
    const {
      ask,
      later,
      pace,
      delete: end,
    } = setUp([
      ['sk_1', 't1'],
      ['sk_2', 't2'],
    ]);
    await ask('sk_2');
    const [slow, question] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    pace.lookUp = () => slow.promise;
    const answer = ask('sk_1');
    end('sk_1');
    later(2_000);
    await ask('sk_2');
    await setImmediate();
    pace.poll = () => question.promise;
    later(2_000);
    await ask('sk_2');
    slow.resolve();
    expect(await answer).toBe('ok');
    question.resolve();
    pace.poll = async () => {};
    await setImmediate();
    later(4_000);
    expect(await ask('sk_1')).toBe(REFUSED);
  });

  test('in a database that was put back to an earlier state is asked for anew altogether', async () => {
    const { ask, later, asked, restore, set } = setUp();
    await ask();
    restore();
    set('sk_1', 't1', false);
    later(5_000);
    expect(await ask()).toBe(REFUSED);
    expect(asked).toEqual(['key', 'changes', 'key']);
  });
});

describe('what this process has changed', () => {
  test('is followed at once', async () => {
    const { ask, delete: end, forget } = setUp();
    await ask();
    end('sk_1');
    expect(await ask()).toBe('ok');
    forget('t1');
    expect(await ask()).toBe(REFUSED);
  });

  test('is not outlived by a look-up that was on its way', async () => {
    const { ask, pace, delete: end, forget } = setUp();
    const slow = Promise.withResolvers<void>();
    pace.lookUp = () => slow.promise;
    const before = ask();
    end('sk_1');
    forget('t1');
    pace.lookUp = async () => {};
    expect(await ask()).toBe(REFUSED);
    slow.resolve();
    expect(await before).toBe('ok');
    expect(await ask()).toBe(REFUSED);
  });

  test('leaves other tenants what is known of them', async () => {
    const { ask, asked, forget } = setUp([
      ['sk_1', 't1'],
      ['sk_2', 't2'],
    ]);
    await Promise.all([ask('sk_1'), ask('sk_2')]);
    forget('t1');
    await Promise.all([ask('sk_1'), ask('sk_2')]);
    expect(asked).toHaveLength(3);
  });
});

test('those who come at once with a key that is not known ask once', async () => {
  const { ask, asked } = setUp();
  expect(new Set(await Promise.all(Array.from({ length: 100 }, () => ask())))).toEqual(new Set(['ok']));
  expect(asked).toEqual(['key']);
});

test('guessed keys push none out that are known', async () => {
  const { ask, asked } = setUp();
  await ask();
  for (let guess = 0; guess < 12_000; guess += 1) await ask(`sk_guess_${guess}`);
  const before = asked.length;
  expect(await ask()).toBe('ok');
  expect(asked).toHaveLength(before);
});

describe('while Postgres is away', () => {
  const away = async () => {
    throw unavailable('postgres', new Error('connection refused'));
  };

  test('keys that are known go on working for as long as was said, and others are no 401', async () => {
    const { ask, later, pace, asked } = setUp([
      ['sk_1', 't1'],
      ['sk_2', 't1'],
    ]);
    await ask();
    [pace.lookUp, pace.poll] = [away, away];
    for (let seconds = 0; seconds < 3_600; seconds += 10) {
      expect(await ask()).toBe('ok');
      later(10_000);
    }
    expect(await ask('sk_2')).toContain('unavailable');
    // It is asked for now and then, and never with each request.
    const before = asked.length;
    for (let times = 0; times < 100; times += 1) await ask();
    expect(asked.length - before).toBeLessThanOrEqual(1);
    later(1);
    expect(await ask()).toContain('unavailable');
    [pace.lookUp, pace.poll] = [async () => {}, async () => {}];
    expect(await ask()).toBe('ok');
  });

  test('what changed meanwhile is followed when it is back', async () => {
    const { ask, later, pace, delete: end } = setUp();
    await ask();
    pace.poll = away;
    later(10_000);
    expect(await ask()).toBe('ok');
    end('sk_1');
    later(1_000);
    expect(await ask()).toBe('ok');
    pace.poll = async () => {};
    later(1_000);
    await ask();
    expect(await ask()).toBe(REFUSED);
  });

  test('a process that was frozen meanwhile waits for the news like any other', async () => {
    const { ask, later, pace, delete: end } = setUp();
    await ask();
    pace.poll = away;
    later(10_000);
    await ask();
    pace.poll = async () => {};
    end('sk_1');
    later(3_600_000 - 20_000);
    expect(await ask()).toBe(REFUSED);
  });

  test('a process that was frozen while it asked asks again', async () => {
    const { ask, later, pace, delete: end } = setUp();
    await ask();
    pace.poll = () => new Promise(() => {});
    later(2_000);
    await ask();
    pace.poll = async () => {};
    end('sk_1');
    later(600_000);
    expect(await ask()).toBe(REFUSED);
  });

  describe('and does not even refuse', () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    test('one second is waited, by those who came first', async () => {
      const { ask, later, pace } = setUp();
      await ask();
      pace.poll = () => new Promise(() => {});
      later(5_000);
      const first = ask();
      let answered = false;
      void first.then(() => {
        answered = true;
      });
      await vi.advanceTimersByTimeAsync(999);
      expect(answered).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(await first).toBe('ok');
      expect(await ask()).toBe('ok');
    });
  });
});

describe('the use of a key', () => {
  test('is noted once a minute, behind the request, and by no request that waits for it', async () => {
    const { ask, later, uses, pace } = setUp([
      ['sk_1', 't1'],
      ['sk_2', 't1'],
    ]);
    pace.note = () => new Promise(() => {});
    for (let times = 0; times < 10; times += 1) expect(await ask()).toBe('ok');
    expect(uses).toEqual([[hashKey('sk_1')]]);
    await ask('sk_2');
    later(61_000);
    await ask();
    // One statement at a time, however long it takes.
    expect(uses).toEqual([[hashKey('sk_1')]]);
  });

  test('that could not be noted is noted with the next', async () => {
    const { ask, later, uses, pace } = setUp();
    pace.note = async () => {
      throw new Error('away');
    };
    expect(await ask()).toBe('ok');
    await setImmediate();
    later(59_999);
    await ask();
    expect(uses).toHaveLength(1);
    later(1);
    await ask();
    expect(uses).toHaveLength(2);
  });

  test('is not noted for a key that is not let in', async () => {
    const { ask, uses } = setUp();
    await ask('sk_nobody');
    expect(uses).toEqual([]);
  });
});

/** What happens to one key of tenant t1, and when. */
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 3_000 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('request' as const), delayMs: fc.integer({ min: 0, max: 900 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('begin' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit' as const), nr: fc.nat(3), exists: fc.boolean() }) },
);

test('whatever overtakes whatever: an answer is one that was true within the last five seconds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { ask, later, pace, begin, commit, set, clock } = setUp([['sk_1', 't1']]);
      const nowMs = () => clock.now().toMillis();
      const history: { readonly atMs: number; readonly exists: boolean }[] = [{ atMs: 0, exists: true }];
      /** Whether the key was in that state at any moment of the span. */
      const was = (exists: boolean, fromMs: number, toMs: number): boolean =>
        history.some((state, index) => state.exists === exists && state.atMs <= toMs && (history[index + 1]?.atMs ?? Infinity) >= fromMs);
      const running: bigint[] = [];
      const flights: { readonly dueMs: number; readonly land: () => void }[] = [];
      const wrong: string[] = [];
      const settle = async () => {
        await setImmediate();
        for (const flight of flights.filter(({ dueMs }) => dueMs <= nowMs())) {
          flights.splice(flights.indexOf(flight), 1);
          flight.land();
        }
        await setImmediate();
      };
      for (const what of [...steps, { kind: 'pass' as const, ms: 2_000 }]) {
        if (what.kind === 'pass') {
          for (let left = what.ms; left > 0; left -= 100) {
            later(Math.min(left, 100));
            await settle();
          }
        } else if (what.kind === 'begin') running.push(begin());
        else if (what.kind === 'commit') {
          const [xid] = running.splice(what.nr % Math.max(running.length, 1), 1);
          if (xid === undefined) continue;
          commit(xid, 't1', () => set('sk_1', 't1', what.exists));
          history.push({ atMs: nowMs(), exists: what.exists });
        } else {
          const askedMs = nowMs();
          pace.lookUp = () => new Promise((land) => flights.push({ dueMs: nowMs() + what.delayMs, land }));
          void ask().then((answer) => {
            // A key that is not there is not asked for again within ten seconds.
            const [exists, windowMs] = answer === 'ok' ? [true, 5_000] : [false, 10_000];
            if (!was(exists, askedMs - windowMs, nowMs())) wrong.push(`${answer} at ${askedMs - START.toMillis()} ms`);
          });
          await settle();
        }
      }
      expect(wrong).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
