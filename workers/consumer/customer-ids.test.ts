import { expect, test } from 'vitest';
import type { Customer } from '#customers/domain.ts';
import { loggedEvent } from '#test/support/metering.ts';
import { createCustomerIds } from './customer-ids.ts';

const asked: string[][] = [];
const customers = {
  findByExternalIds: async (_: unknown, externalIds: readonly string[]): Promise<Customer[]> => {
    asked.push([...externalIds]);
    return externalIds.filter((id) => id.startsWith('c')).map((externalId) => ({ id: `cust_${externalId}`, externalId }) as Customer);
  },
};
const of = (customer: string) => loggedEvent({ id: `of ${customer}`, at: '2026-03-01T00:00:00Z', customer });

test('a batch that knows more customers than are remembered loses none of their ids', async () => {
  const enrich = createCustomerIds(customers, 2);
  const batch = ['c1', 'c2', 'c3', 'c4', 'unknown', 'c1'].map(of);
  const wanted = ['cust_c1', 'cust_c2', 'cust_c3', 'cust_c4', '', 'cust_c1'];
  expect((await enrich(batch)).map(({ customerId }) => customerId)).toEqual(wanted);
  // Some are remembered now, and pushed out by the others of the same batch.
  expect((await enrich(batch)).map(({ customerId }) => customerId)).toEqual(wanted);
});

test('what is remembered is not asked for again, and what the sender claims stays', async () => {
  asked.length = 0;
  const enrich = createCustomerIds(customers);
  await enrich([of('c1'), of('c2')]);
  const claimed = { ...of('c3'), customerId: 'cust_claimed' };
  expect((await enrich([of('c1'), of('c4'), claimed])).map(({ customerId }) => customerId)).toEqual(['cust_c1', 'cust_c4', 'cust_claimed']);
  expect(asked).toEqual([['c1', 'c2'], ['c4']]);
});
