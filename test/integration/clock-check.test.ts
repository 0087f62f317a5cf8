import { afterAll, beforeAll, expect, test } from 'vitest';
import { DateTime } from 'luxon';
import { type Clock, systemClock } from '#kernel/clock.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { createDatabase, type Database } from '#platform/postgres/database.ts';
import { MOST_APART_SECONDS, secondsAhead, watchClock } from '#workers/clock-check.ts';
import { createTestPostgres, type TestPostgres } from '../support/engines.ts';

let postgres: TestPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await createTestPostgres();
  database = createDatabase(postgres.config);
});
afterAll(async () => {
  await database.close();
  await postgres.drop();
});

const shifted = (seconds: number): Clock => ({ now: () => systemClock.now().plus({ seconds }) });
const watch = (clock: Clock, onWrong: (message: string) => void, intervalMs = 5) =>
  watchClock({ database, clock, logger: silentLogger, intervalMs }, onWrong);

test.each([0, 7200, -7200])('a clock that is %i s ahead is measured', async (seconds) => {
  expect(Math.abs((await secondsAhead(database, shifted(seconds))) - seconds)).toBeLessThan(10);
});

test('a process with a wrong clock does not start, and says by how much', async () => {
  await expect(watch(shifted(7200), () => undefined)).rejects.toThrow(/7200 s ahead of the database's/);
  await expect(watch(shifted(-600), () => undefined)).rejects.toThrow(/600 s behind the database's/);
});

test('one whose clock goes wrong later is told, and one whose clock is right is not', async () => {
  let offset = 0;
  const told = Promise.withResolvers<string>();
  const watching = await watch({ now: () => DateTime.utc().plus({ seconds: offset }) }, told.resolve);
  offset = MOST_APART_SECONDS * 3;
  expect(await told.promise).toMatch(/\d+ s ahead of/);
  await watching.stop();
});

test('a database that is away says nothing about the clock', async () => {
  const away: Database = { ...database, asSystem: () => Promise.reject(new Error('away')) };
  const watching = await watchClock({ database: away, clock: shifted(7200), logger: silentLogger }, () => undefined);
  await watching.stop();
});
