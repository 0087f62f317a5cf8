import { createHash } from 'node:crypto';
import type { DateTime } from 'luxon';
import { type Decimal, sum } from '#kernel/decimal.ts';

/**
 * The accounts that there are, each with the side on which its balance is told. A customer owes what is on `receivable` and is owed what
 * is on `credit`; `cash`, `revenue` and `rounding` are the seller's.
 */
const ACCOUNTS = { receivable: 'debit', credit: 'credit', cash: 'debit', revenue: 'credit', rounding: 'debit' } as const;
export type AccountName = keyof typeof ACCOUNTS;

export interface AccountRef {
  /** Null: the seller's own account. */
  readonly customerId: string | null;
  readonly name: AccountName;
}

/** One side of a posting. */
export interface Entry {
  readonly account: AccountRef;
  /** Debits are above zero, credits below; never zero. */
  readonly amount: Decimal;
  /** The balance, as the account tells it, may not be below this afterwards. Null: no limit. */
  readonly minimum: Decimal | null;
}

export interface PostingRequest {
  /** Who posts: `invoice`, `payment`. Keys are unique within it. */
  readonly source: string;
  /** Made of what the posting is about, so that a second try is the same posting. */
  readonly key: string;
  /** Three lower-case letters; all entries are in it. */
  readonly currency: string;
  readonly description: string;
  readonly entries: readonly Entry[];
}

export interface PostedEntry {
  readonly account: AccountRef;
  readonly amount: Decimal;
  /** Counts the entries of the account from 1. */
  readonly number: number;
  /** What the account had then, debits above zero. */
  readonly balanceAfter: Decimal;
}

/** A posting as it stands in the books. */
export interface Posting extends Pick<PostingRequest, 'source' | 'key' | 'currency' | 'description'> {
  readonly id: string;
  /** The posting that this one takes back. */
  readonly reversesId: string | null;
  readonly createdAt: DateTime;
  /** In the order of the accounts. */
  readonly entries: readonly PostedEntry[];
}

/** Adds to what the account tells, or takes from it, on its debit side. `minimum`: see `Entry`. */
export function debit(account: AccountRef, amount: Decimal, minimum: Decimal | null = null): Entry {
  return { account, amount, minimum };
}

/** The other side of `debit`. */
export function credit(account: AccountRef, amount: Decimal, minimum: Decimal | null = null): Entry {
  return { account, amount: amount.negated(), minimum };
}

/** A balance of the books as the account tells it: above zero on its own side. */
export function told({ name }: AccountRef, balance: Decimal): Decimal {
  return ACCOUNTS[name] === 'debit' ? balance : balance.negated();
}

/** Names an account within an environment and currency; the order of these is the order in which accounts are locked. */
export function accountKey({ customerId, name }: AccountRef): string {
  return `${customerId ?? ''}/${name}`;
}

/**
 * The entries in the order of their accounts. Throws RangeError for what is no posting, whatever the books hold: fewer than two entries,
 * an account twice, an amount of zero, a sum that is not zero, or a currency that is none.
 */
export function balanced({ currency, entries }: Pick<PostingRequest, 'currency' | 'entries'>): Entry[] {
  if (!/^[a-z]{3}$/.test(currency)) throw new RangeError(`a posting has a currency of three lower-case letters, not ${currency}`);
  if (entries.length < 2) throw new RangeError('a posting has two entries or more');
  if (new Set(entries.map(({ account }) => accountKey(account))).size < entries.length)
    throw new RangeError('an account stands in a posting once');
  if (entries.some(({ amount }) => amount.isZero())) throw new RangeError('an entry is not of zero');
  const total = sum(entries.map(({ amount }) => amount));
  if (!total.isZero()) throw new RangeError(`the entries of a posting sum to zero, not to ${total.toFixed()}`);
  return [...entries].sort((a, b) => (accountKey(a.account) < accountKey(b.account) ? -1 : 1));
}

/** SHA-256 of what a posting says. Limits are not part of it: they were about the moment of the first try. */
export function fingerprintOf({ currency, description, entries }: PostingRequest, reversesId: string | null): string {
  const content = [currency, description, reversesId, entries.map(({ account, amount }) => [accountKey(account), amount.toFixed()]).sort()];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
