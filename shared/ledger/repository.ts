import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import { notFound } from '#kernel/errors.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { inParts } from '#platform/postgres/in-parts.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { type AccountName, type AccountRef, accountKey, type PostedEntry, type Posting } from './domain.ts';

interface Owned {
  readonly tenantId: string;
  readonly environmentId: string;
}
/** A row of the books; `balance` has debits above zero. */
export interface Account extends Owned, AccountRef {
  readonly id: string;
  readonly currency: string;
  readonly balance: Decimal;
  readonly entryCount: number;
  readonly createdAt: DateTime;
}
interface PostingRow extends Owned {
  readonly id: string;
  readonly source: string;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly currency: string;
  readonly description: string;
  readonly reversesId: string | null;
  readonly createdAt: DateTime;
  readonly createdBy: string;
}
interface EntryRow extends Owned {
  readonly postingId: string;
  readonly accountId: string;
  readonly number: number;
  readonly amount: Decimal;
  readonly balanceAfter: Decimal;
}

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    ledgerAccounts: Table<Account>;
    ledgerPostings: Table<PostingRow>;
    ledgerEntries: Table<EntryRow>;
  }
}

export type NewPosting = Omit<PostingRow, keyof Owned | 'createdBy'>;
export type FoundPosting = Posting & Pick<PostingRow, 'fingerprint'>;

export const ledgerRepository = {
  /** Writes the head of a posting. Undefined when its key is used or what it reverses is reversed; waits for whoever is doing so right now. */
  async insert(tx: TenantTransaction, posting: NewPosting): Promise<{ id: string } | undefined> {
    return tx
      .insertInto('ledgerPostings')
      .values(posting)
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst();
  },

  async byKey(tx: TenantTransaction, source: string, idempotencyKey: string): Promise<FoundPosting | undefined> {
    const row = await tx
      .selectFrom('ledgerPostings')
      .selectAll()
      .where('source', '=', source)
      .where('idempotencyKey', '=', idempotencyKey)
      .executeTakeFirst();
    return row && withEntries(tx, row);
  },

  /** Throws NotFound. */
  async get(tx: TenantTransaction, id: string): Promise<FoundPosting> {
    const row = await tx.selectFrom('ledgerPostings').selectAll().where('id', '=', id).executeTakeFirst();
    if (!row) throw notFound('ledger posting', id);
    return withEntries(tx, row);
  },

  /**
   * Locks the accounts until the transaction ends, in the order of their keys, and makes those that are missing. Nobody who is still
   * making accounts holds a lock on one, and whoever locks does so in one order: two postings never wait for each other.
   */
  async lock(
    tx: TenantTransaction,
    currency: string,
    refs: readonly AccountRef[],
    make: (ref: AccountRef) => NewAccount,
  ): Promise<Account[]> {
    const known = new Set((await accounts(tx, currency, refs).execute()).map(accountKey));
    const missing = inOrder(refs).filter((ref) => !known.has(accountKey(ref)));
    if (missing.length > 0)
      await tx
        .insertInto('ledgerAccounts')
        .values(missing.map(make))
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    return accounts(tx, currency, refs).forUpdate().execute();
  },

  /** Writes the entries in this order; the database moves the balances with them. */
  async insertEntries(tx: TenantTransaction, entries: readonly Pick<EntryRow, 'postingId' | 'accountId' | 'amount'>[]): Promise<void> {
    // Number and balance come from the account, under its lock.
    const rows = entries.map((entry) => ({ ...entry, number: 0, balanceAfter: ZERO }));
    await inParts(rows, (part) => tx.insertInto('ledgerEntries').values(part).execute());
  },

  find(tx: TenantTransaction, currency: string, ref: AccountRef): Promise<Account | undefined> {
    return accounts(tx, currency, [ref]).executeTakeFirst();
  },

  /** Entries of an account with a number above `after`, oldest first. */
  statement(
    tx: TenantTransaction,
    accountId: string,
    { after, limit }: { readonly after: number; readonly limit: number },
  ): Promise<Pick<EntryRow, 'postingId' | 'number' | 'amount' | 'balanceAfter'>[]> {
    return tx
      .selectFrom('ledgerEntries')
      .select(['postingId', 'number', 'amount', 'balanceAfter'])
      .where('accountId', '=', accountId)
      .where('number', '>', after)
      .orderBy('number')
      .limit(limit)
      .execute();
  },

  /** Accounts whose totals are not those of their entries. */
  async differing(tx: TenantTransaction): Promise<Account[]> {
    return tx
      .selectFrom('ledgerAccounts as account')
      .selectAll('account')
      .where(({ selectFrom, eb, ref }) => {
        const entries = selectFrom('ledgerEntries as entry').whereRef('entry.accountId', '=', 'account.id');
        return eb.or([
          eb(ref('account.balance'), '!=', entries.select(sql<Decimal>`coalesce(sum(entry.amount), 0)`.as('balance'))),
          eb(
            ref('account.entryCount'),
            '!=',
            entries.select((count) => count.fn.countAll<number>().as('count')),
          ),
        ]);
      })
      .execute();
  },
};

export type NewAccount = Omit<Account, keyof Owned>;

function inOrder(refs: readonly AccountRef[]): AccountRef[] {
  return [...refs].sort((a, b) => (accountKey(a) < accountKey(b) ? -1 : 1));
}

function accounts(tx: TenantTransaction, currency: string, refs: readonly AccountRef[]) {
  return tx
    .selectFrom('ledgerAccounts')
    .selectAll()
    .where('currency', '=', currency)
    .where((eb) =>
      eb.or(refs.map(({ customerId, name }) => eb.and([eb('name', '=', name), eb('customerId', 'is not distinct from', customerId)]))),
    )
    .orderBy(sql`coalesce(customer_id, '') collate "C"`)
    .orderBy(sql`name collate "C"`);
}

async function withEntries(tx: TenantTransaction, { idempotencyKey, ...row }: PostingRow): Promise<FoundPosting> {
  const entries = await tx
    .selectFrom('ledgerEntries as entry')
    .innerJoin('ledgerAccounts as account', 'account.id', 'entry.accountId')
    .select(['account.customerId', 'account.name', 'entry.amount', 'entry.number', 'entry.balanceAfter'])
    .where('entry.postingId', '=', row.id)
    .execute();
  const { id, source, currency, description, reversesId, createdAt, fingerprint } = row;
  const posted = entries.map(
    ({ customerId, name, ...entry }): PostedEntry => ({ account: { customerId, name: name as AccountName }, ...entry }),
  );
  return {
    id,
    source,
    key: idempotencyKey,
    currency,
    description,
    reversesId,
    createdAt,
    fingerprint,
    entries: posted.sort((a, b) => (accountKey(a.account) < accountKey(b.account) ? -1 : 1)),
  };
}
