import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { deleteExpiredKeys } from '#platform/http/idempotency-retention.ts';
import { startTestApi } from '../support/api.ts';

test('answers are kept until they expire, then the key may be used anew', async () => {
  const clock = fixedClock(DateTime.utc(2026, 3, 1));
  const api = await startTestApi({ clock });
  const create = (externalId: string) =>
    api.request('POST', '/v1/customers', { external_id: externalId, name: externalId }, { 'idempotency-key': 'same' });
  const forget = () => api.app.database.asSystem('test', (tx) => deleteExpiredKeys(tx, clock.now().minus({ days: 2 }), 100));
  try {
    const first = await create('first');
    clock.set(DateTime.utc(2026, 3, 2, 23, 59));
    expect(await forget()).toBe(0);
    expect((await create('first')).body).toEqual(first.body);
    expect((await create('second')).status).toBe(409);
    clock.set(DateTime.utc(2026, 3, 3, 0, 1));
    expect(await forget()).toBe(1);
    expect((await create('second')).status).toBe(201);
  } finally {
    await api.close();
  }
});
