import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import { alreadyExists, invalidOperation } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { type AccountRef, accountKey, balanced, type Entry, fingerprintOf, type Posting, type PostingRequest, told } from './domain.ts';
import { type Account, type FoundPosting, ledgerRepository } from './repository.ts';

export interface LedgerDependencies {
  readonly database: Database;
  readonly clock: Clock;
}
export type LedgerService = ReturnType<typeof createLedgerService>;

export interface ReversalRequest extends Pick<PostingRequest, 'source' | 'key' | 'description'> {
  readonly postingId: string;
}

/**
 * The books (README.md). Calls run in the transaction of their context, so that money moves with what it is about, or not at all.
 * Make one call per transaction, or all postings of it in the same order: only within a call are accounts locked in order.
 */
export function createLedgerService({ database, clock }: LedgerDependencies) {
  const write = async (tx: TenantTransaction, request: PostingRequest, reversesId: string | null): Promise<Posting> => {
    const entries = balanced(request);
    const { source, key, currency, description } = request;
    const fingerprint = fingerprintOf(request, reversesId);
    const id = newId('posting', clock);
    const createdAt = clock.now();
    const posting = { id, source, idempotencyKey: key, fingerprint, currency, description, reversesId, createdAt };
    if ((await ledgerRepository.insert(tx, posting)) === undefined) {
      const existing = await ledgerRepository.byKey(tx, source, key);
      if (existing !== undefined) return sameOrRefused(existing, fingerprint);
      throw invalidOperation('the posting is taken back already', { id: reversesId });
    }
    const accounts = await ledgerRepository.lock(
      tx,
      currency,
      entries.map(({ account }) => account),
      ({ customerId, name }) => ({ id: newId('acct', clock), customerId, name, currency, balance: ZERO, entryCount: 0, createdAt }),
    );
    const byKey = new Map(accounts.map((account) => [accountKey(account), account]));
    const placed = entries.map((entry) => ({ entry, account: byKey.get(accountKey(entry.account)) as Account }));
    for (const { entry, account } of placed) requireCovered(entry, account);
    await ledgerRepository.insertEntries(
      tx,
      placed.map(({ entry, account }) => ({ postingId: id, accountId: account.id, amount: entry.amount })),
    );
    return sameOrRefused(await ledgerRepository.get(tx, id), fingerprint);
  };

  return {
    /**
     * Posts once: with a key that its source has used, the posting that is there. Throws `already_exists` when that one says something
     * else, `invalid_operation` when a balance would fall below an entry's minimum, RangeError for entries that are no posting.
     */
    post: (ctx: RequestContext, request: PostingRequest): Promise<Posting> => database.withTenant(ctx, (tx) => write(tx, request, null)),

    /**
     * Takes a posting back by one with all entries turned round. Throws NotFound, and `invalid_operation` for one that is taken back
     * already, under another key, or is itself a reversal.
     */
    reverse: (ctx: RequestContext, { postingId, ...request }: ReversalRequest): Promise<Posting> =>
      database.withTenant(ctx, async (tx) => {
        const { id, currency, entries, reversesId } = await ledgerRepository.get(tx, postingId);
        if (reversesId !== null) throw invalidOperation('a reversal is not taken back: post anew', { id });
        const turned = entries.map(({ account, amount }): Entry => ({ account, amount: amount.negated(), minimum: null }));
        return write(tx, { ...request, currency, entries: turned }, id);
      }),

    /** What the account tells: above zero on its own side. Zero for one that nothing was posted to. */
    balance: (ctx: RequestContext, currency: string, account: AccountRef): Promise<Decimal> =>
      database.withTenant(ctx, async (tx) => {
        const found = await ledgerRepository.find(tx, currency, account);
        return found === undefined ? ZERO : told(account, found.balance);
      }),

    /** Entries of an account behind number `after`, oldest first: amounts with debits above zero. */
    statement: (ctx: RequestContext, currency: string, account: AccountRef, page: { readonly after: number; readonly limit: number }) =>
      database.withTenant(ctx, async (tx) => {
        const found = await ledgerRepository.find(tx, currency, account);
        return found === undefined ? [] : ledgerRepository.statement(tx, found.id, page);
      }),

    /** Accounts of the environment whose totals are not those of their entries: none, or the books are broken. */
    differing: (ctx: RequestContext): Promise<Account[]> => database.withTenant(ctx, (tx) => ledgerRepository.differing(tx)),
  };
}

function sameOrRefused({ fingerprint, ...posting }: FoundPosting, wanted: string): Posting {
  if (fingerprint !== wanted) throw alreadyExists('ledger posting', 'idempotency_key', posting.key);
  return posting;
}

function requireCovered({ account, amount, minimum }: Entry, { balance }: Account): void {
  if (minimum === null) return;
  const [before, after] = [told(account, balance), told(account, balance.plus(amount))];
  if (after.lt(minimum))
    throw invalidOperation('the balance does not cover the amount', {
      account: account.name,
      customer_id: account.customerId,
      balance: before.toFixed(),
    });
}
