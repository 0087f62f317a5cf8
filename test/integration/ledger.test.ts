import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Decimal, decimal, sum, ZERO } from '#kernel/decimal.ts';
import { DomainError } from '#kernel/errors.ts';
import { type AccountRef, accountKey, credit, debit, type Posting, type PostingRequest } from '#ledger/domain.ts';
import { createLedgerService, type LedgerService } from '#ledger/service.ts';
import { connectionOptions } from '#platform/postgres/connection.ts';
import { startTestApi, type TestApi, type TestTenant } from '../support/api.ts';

let api: TestApi;
let ledger: LedgerService;
const customers: string[] = [];
beforeAll(async () => {
  api = await startTestApi({ env: { FLEXPRICE_POSTGRES_POOL_MAX: '8' } });
  ledger = createLedgerService({ database: api.app.database, clock: api.app.clock });
  for (const externalId of ['a', 'b', 'c'])
    customers.push((await api.request('POST', '/v1/customers', { external_id: externalId, name: externalId })).body.id);
});
afterAll(() => api.close());

const REVENUE: AccountRef = { customerId: null, name: 'revenue' };
const creditOf = (customer: number): AccountRef => ({ customerId: customers[customer] ?? '', name: 'credit' });
const grant = (key: string, customer: number, amount: string, currency = 'usd'): PostingRequest => ({
  source: 'test',
  key,
  currency,
  description: 'grant',
  entries: [debit(REVENUE, decimal(amount)), credit(creditOf(customer), decimal(amount))],
});
const spend = (key: string, customer: number, amount: string, currency = 'usd'): PostingRequest => ({
  source: 'test',
  key,
  currency,
  description: 'spend',
  entries: [debit(creditOf(customer), decimal(amount), ZERO), credit(REVENUE, decimal(amount))],
});

describe('a posting', () => {
  test('moves both balances, once per key; the key with other content is refused', async () => {
    const first = await ledger.post(api.ctx, grant('g1', 0, '10'));
    expect(await ledger.post(api.ctx, grant('g1', 0, '10.00'))).toEqual(first);
    expect((await ledger.balance(api.ctx, 'usd', creditOf(0))).toFixed()).toBe('10');
    await expect(ledger.post(api.ctx, grant('g1', 0, '11'))).rejects.toMatchObject({ code: 'already_exists' });
    await expect(ledger.post(api.ctx, grant('g1', 1, '10'))).rejects.toMatchObject({ code: 'already_exists' });
    expect((await ledger.post(api.ctx, { ...grant('g1', 0, '11'), source: 'other' })).id).not.toBe(first.id);
    expect((await ledger.balance(api.ctx, 'usd', creditOf(0))).toFixed()).toBe('21');
    expect((await ledger.balance(api.ctx, 'eur', creditOf(0))).toFixed()).toBe('0');
  });

  test('is taken back once, and a reversal not at all', async () => {
    const { id } = await ledger.post(api.ctx, grant('g2', 1, '5', 'eur'));
    const back = { postingId: id, source: 'test', key: 'r2', description: 'mistake' };
    const reversal = await ledger.reverse(api.ctx, back);
    expect(reversal.reversesId).toBe(id);
    expect(await ledger.reverse(api.ctx, back)).toEqual(reversal);
    await expect(ledger.reverse(api.ctx, { ...back, key: 'r3' })).rejects.toMatchObject({ code: 'invalid_operation' });
    await expect(ledger.reverse(api.ctx, { ...back, postingId: reversal.id, key: 'r4' })).rejects.toMatchObject({
      code: 'invalid_operation',
    });
    await expect(ledger.reverse(api.ctx, { ...back, postingId: 'posting_none', key: 'r5' })).rejects.toMatchObject({ code: 'not_found' });
    expect((await ledger.balance(api.ctx, 'eur', creditOf(1))).toFixed()).toBe('0');
  });

  test('is refused where a balance would fall below its minimum, and then nothing is posted', async () => {
    await ledger.post(api.ctx, grant('g6', 0, '10', 'sek'));
    await expect(ledger.post(api.ctx, spend('s6', 0, '10.01', 'sek'))).rejects.toMatchObject({
      code: 'invalid_operation',
      details: { account: 'credit', balance: '10' },
    });
    // The same limit once more under the same key: nothing was left of the first try.
    await ledger.post(api.ctx, spend('s6', 0, '10', 'sek'));
    expect((await ledger.balance(api.ctx, 'sek', creditOf(0))).toFixed()).toBe('0');
  });

  test('between two customers does not wait in a ring for one that goes the other way', async () => {
    const transfer = (key: string, from: number, to: number): PostingRequest => ({
      source: 'test',
      key,
      currency: 'nok',
      description: 'transfer',
      entries: [credit(creditOf(to), decimal(1)), debit(creditOf(from), decimal(1))],
    });
    await Promise.all(Array.from({ length: 40 }, (_, index) => ledger.post(api.ctx, transfer(`t${index}`, index % 2, (index + 1) % 2))));
    expect((await ledger.balance(api.ctx, 'nok', creditOf(0))).toFixed()).toBe('0');
  });

  test('of another tenant does not exist', async () => {
    const other = await api.tenant('Other');
    const { id } = await ledger.post(api.ctx, grant('g3', 2, '1', 'gbp'));
    await expect(ledger.reverse(other.ctx, { postingId: id, source: 'test', key: 'x', description: 'theft' })).rejects.toMatchObject({
      code: 'not_found',
    });
    expect((await ledger.balance(other.ctx, 'gbp', creditOf(2))).toFixed()).toBe('0');
  });
});

test('the tables hold what the service promises, whoever writes', async () => {
  const { id } = await ledger.post(api.ctx, grant('g4', 2, '3', 'chf'));
  const client = new pg.Client(await connectionOptions(api.config.postgres));
  await client.connect();
  const refused = async (...statements: string[]) => {
    await client.query('begin');
    try {
      for (const [name, value] of Object.entries({ tenant_id: api.ctx.tenantId, environment_id: api.ctx.environmentId, actor_id: 'test' }))
        await client.query('select set_config($1, $2, true)', [`app.${name}`, value]);
      for (const statement of statements) await client.query(statement);
      await client.query('commit');
      return '';
    } catch (error) {
      await client.query('rollback');
      return (error as Error).message;
    }
  };
  const posting = `insert into ledger_postings (id, source, idempotency_key, fingerprint, currency, description, created_at) values ('bad', 'sql', 'bad', '', 'chf', '', now())`;
  const entry = (name: string, amount: string, currency = 'chf') =>
    `insert into ledger_entries (posting_id, account_id, number, amount, balance_after)
       select 'bad', id, 0, ${amount}, 0 from ledger_accounts where name = '${name}' and currency = '${currency}'`;
  try {
    expect(await refused(`update ledger_entries set amount = 4 where posting_id = '${id}'`)).toContain('permission denied');
    expect(await refused(`delete from ledger_postings where id = '${id}'`)).toContain('permission denied');
    expect(await refused(`delete from ledger_accounts`)).toContain('permission denied');
    expect(await refused(`update ledger_accounts set name = 'cash'`)).toContain('permission denied');
    expect(await refused(posting)).toContain('sum to zero');
    expect(await refused(posting, entry('revenue', '1'))).toContain('sum to zero');
    expect(await refused(posting, entry('revenue', '1'), entry('credit', '-2'))).toContain('sum to zero');
    expect(await refused(posting, entry('revenue', '1'), entry('revenue', '-1', 'gbp'))).toContain('sum to zero');
    expect(await refused(posting, entry('revenue', '1'), entry('credit', '-1'))).toBe('');
    expect(await ledger.differing(api.ctx)).toEqual([]);
    expect(await refused(`update ledger_accounts set balance = 7 where currency = 'chf' and name = 'credit'`)).toBe('');
    expect((await ledger.differing(api.ctx)).map(({ name, currency }) => [name, currency])).toEqual([['credit', 'chf']]);
  } finally {
    await client.end();
  }
});

/** What an actor does: posts under a key that others may use, too, takes back, or posts and lets the transaction fail. */
type Step =
  | { readonly do: 'grant' | 'spend' | 'fail'; readonly key: number; readonly customer: number; readonly cents: number }
  | { readonly do: 'reverse'; readonly key: number; readonly by: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('grant', 'spend', 'spend', 'fail'),
    key: fc.nat(9),
    customer: fc.nat(2),
    cents: fc.integer({ min: 1, max: 500 }),
  }),
  fc.record({ do: fc.constant('reverse'), key: fc.nat(9), by: fc.nat(2) }),
);

test('many actors at once: the books are what a model in memory makes of all that was accepted', { timeout: 180_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 12 }), { minLength: 2, maxLength: 6 }), async (actors) => {
      // Books of their own for each run.
      const tenant = await api.tenant('Books');
      const ids = await customersOf(tenant);
      const accepted = new Map<string, Posting>();
      const shortfalls: { account: AccountRef; amount: Decimal }[] = [];
      await Promise.all(
        actors.map(async (steps) => {
          for (const each of steps) await take(tenant, ids, each, accepted, shortfalls);
        }),
      );
      await requireSameBooks(tenant, [...accepted.values()], shortfalls);
    }),
    { numRuns: 12 },
  );
});

async function customersOf(tenant: TestTenant): Promise<string[]> {
  const ids: string[] = [];
  for (const externalId of ['a', 'b', 'c'])
    ids.push((await tenant.request('POST', '/v1/customers', { external_id: externalId, name: externalId })).body.id);
  return ids;
}

async function take(
  tenant: TestTenant,
  ids: readonly string[],
  each: Step,
  accepted: Map<string, Posting>,
  shortfalls: { account: AccountRef; amount: Decimal }[],
): Promise<void> {
  const { ctx } = tenant;
  const noted = (posting: Posting) => {
    const before = accepted.get(posting.key);
    // One key, one posting, whoever asks.
    if (before !== undefined) expect(posting).toEqual(before);
    accepted.set(posting.key, posting);
  };
  if (each.do === 'reverse') {
    const original = accepted.get(`k${each.key}`);
    if (original === undefined) return;
    const request = { postingId: original.id, source: 'test', key: `r${each.key}-${each.by}`, description: 'back' };
    await ledger.reverse(ctx, request).then(noted, refusedAs('invalid_operation'));
    return;
  }
  const account: AccountRef = { customerId: ids[each.customer] ?? '', name: 'credit' };
  const amount = decimal(each.cents).div(100);
  const request: PostingRequest = {
    source: 'test',
    key: `k${each.key}`,
    currency: 'usd',
    description: each.do,
    entries:
      each.do === 'spend' ? [debit(account, amount, ZERO), credit(REVENUE, amount)] : [credit(account, amount), debit(REVENUE, amount)],
  };
  if (each.do === 'fail') {
    const failing = api.app.database.withTenant(ctx, async (tx) => {
      await ledger.post({ ...ctx, transaction: tx }, request);
      throw new RangeError('the rest of the transaction fails');
    });
    await failing.catch((error: unknown) => {
      if (!(error instanceof RangeError)) refusedAs('already_exists')(error);
    });
    return;
  }
  await ledger.post(ctx, request).then(noted, (error: unknown) => {
    refusedAs('already_exists', 'invalid_operation')(error);
    if (error instanceof DomainError && error.code === 'invalid_operation') shortfalls.push({ account, amount });
  });
}

function refusedAs(...codes: string[]) {
  return (error: unknown): void => {
    if (!(error instanceof DomainError) || !codes.includes(error.code)) throw error;
  };
}

/** The model: balances are sums over what was accepted, and a limit that refused was really too narrow at some moment. */
async function requireSameBooks(
  { ctx }: TestTenant,
  postings: readonly Posting[],
  shortfalls: readonly { account: AccountRef; amount: Decimal }[],
): Promise<void> {
  const entries = postings.flatMap((posting) => posting.entries);
  const byAccount = Map.groupBy(entries, ({ account }) => accountKey(account));
  for (const own of byAccount.values()) {
    const { account } = own[0] as (typeof own)[number];
    const inOrder = [...own].sort((a, b) => a.number - b.number);
    expect(inOrder.map(({ number }) => number)).toEqual(inOrder.map((_, index) => index + 1));
    let balance = ZERO;
    for (const { amount, balanceAfter } of inOrder) {
      balance = balance.plus(amount);
      expect(balanceAfter.toFixed()).toBe(balance.toFixed());
    }
    const told = await ledger.balance(ctx, 'usd', account);
    // Both accounts of this test tell their credits.
    expect(told.toFixed()).toBe(balance.negated().toFixed());
    expect((await ledger.statement(ctx, 'usd', account, { after: 0, limit: 1000 })).map((entry) => entry.amount.toFixed())).toEqual(
      inOrder.map(({ amount }) => amount.toFixed()),
    );
  }
  expect(sum(entries.map(({ amount }) => amount)).toFixed()).toBe('0');
  for (const { account, amount } of shortfalls) {
    const balances = [ZERO, ...(byAccount.get(accountKey(account)) ?? []).map(({ balanceAfter }) => balanceAfter.negated())];
    expect(balances.some((balance) => balance.lt(amount))).toBe(true);
  }
  for (const { entries: own, description } of postings)
    if (description === 'spend')
      for (const { account, balanceAfter } of own) if (account.name === 'credit') expect(balanceAfter.lte(0)).toBe(true);
  const reversed = postings.flatMap(({ reversesId }) => reversesId ?? []);
  expect(new Set(reversed).size).toBe(reversed.length);
  expect(await ledger.differing(ctx)).toEqual([]);
}
