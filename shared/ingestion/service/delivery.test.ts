import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { systemContext } from '#kernel/context.ts';
import { createDelivery } from './delivery.ts';

const NOW = DateTime.utc(2026, 5, 1, 0, 10);
const OWN = systemContext('tenant_1', 'env_1', 'test');

function deliveryWith({
  isEmpty = true,
  settleSeconds = 0,
  isComplete = true,
  oldest,
}: {
  isEmpty?: boolean;
  settleSeconds?: number;
  isComplete?: boolean;
  oldest?: DateTime;
}) {
  const looks: string[] = [];
  const delivery = createDelivery({
    clock: fixedClock(NOW),
    overflow: async () => ({ settleSeconds, isEmpty: async () => looks.push('overflow') > 0 && isEmpty }),
    backlog: async () => {
      looks.push('log');
      return {
        isComplete,
        own: ({ tenantId }) => (tenantId === OWN.tenantId && oldest ? { events: 4, oldest: oldest.toMillis() } : undefined),
      };
    },
  });
  return { looks, of: (ctx = OWN) => delivery.of(ctx, NOW) };
}

test('everything is stored as of the look where nothing waits; the overflow is asked before the log', async () => {
  const { looks, of } = deliveryWith({});
  expect(await of()).toEqual({ asOf: NOW, storedUntil: NOW, onItsWay: null });
  expect(looks).toEqual(['overflow', 'log']);
});

test('what waits in the log holds up its own environment only, and is told to nobody else', async () => {
  const oldest = NOW.minus({ minutes: 3 });
  const { of } = deliveryWith({ oldest });
  expect(await of()).toEqual({ asOf: NOW, storedUntil: oldest, onItsWay: '4 events in the event log' });
  expect(await of(systemContext('tenant_2', 'env_1', 'test'))).toEqual({ asOf: NOW, storedUntil: NOW, onItsWay: null });
});

test('an overflow whose counts come late speaks of what was put in before', async () => {
  const asOf = NOW.minus({ seconds: 120 });
  expect(await deliveryWith({ settleSeconds: 120 }).of()).toEqual({ asOf, storedUntil: asOf, onItsWay: null });
});

test.each([{ isEmpty: false }, { isComplete: false }])('what is not known is not delivered: %o', async (state) => {
  expect(await deliveryWith(state).of()).toMatchObject({ storedUntil: null, onItsWay: expect.any(String) });
});
