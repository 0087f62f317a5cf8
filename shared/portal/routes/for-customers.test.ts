import { expect, test } from 'vitest';
import { decimal } from '#kernel/decimal.ts';
import { wireNumber } from '#kernel/wire.ts';
import { shownToCustomers } from './for-customers.ts';

test('notes of the tenant and who of it wrote something are left out, at any depth; all else stays as it is', () => {
  const own = { id: 'x', metadata: { margin: '80%' }, created_by: 'user_1', updated_by: 'user_1' };
  const number = wireNumber(decimal('0.10'));
  expect(shownToCustomers({ ...own, plan: own, items: [own, { prices: [own], name: null }], value: number, on: false })).toEqual({
    id: 'x',
    metadata: {},
    plan: { id: 'x', metadata: {} },
    items: [
      { id: 'x', metadata: {} },
      { prices: [{ id: 'x', metadata: {} }], name: null },
    ],
    value: number,
    on: false,
  });
});

test('what an inherited subscription says of its parent is left out, and nothing of any other', () => {
  const said = { parent_subscription_id: 'subs_1', cancellation_reason: 'moved', subscription_status: 'cancelled' };
  expect(shownToCustomers({ items: [{ ...said, subscription_type: 'inherited' }] })).toEqual({
    items: [{ subscription_status: 'cancelled', subscription_type: 'inherited' }],
  });
  for (const subscription_type of ['standalone', 'parent'])
    expect(shownToCustomers({ ...said, subscription_type })).toEqual({ ...said, subscription_type });
});

test("names inside of maps that are anybody's mean nothing", () => {
  const maps = { properties: { metadata: 'a', created_by: 'b' }, config_value: { metadata: 1 }, config_values: [{ updated_by: 1 }] };
  expect(shownToCustomers(maps)).toEqual(maps);
});
