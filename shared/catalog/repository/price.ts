import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import { notFound } from '#kernel/errors.ts';
import type { Page } from '#kernel/pagination.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import type { ListRequest } from '#platform/resource/listing.ts';
import { type New, resourceTable } from '#platform/resource/table.ts';
import { type Price, type PriceOwnerType, type TierRecord, tiersFromRecords, tiersToRecords } from '../domain/price.ts';

type PriceRow = Omit<Price, 'tiers' | 'priceUnitTiers'> & {
  readonly tiers: readonly TierRecord[] | null;
  readonly priceUnitTiers: readonly TierRecord[] | null;
};

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    prices: Table<PriceRow>;
  }
}

/** The database numbers a price (`sequence`) and fills the rest. */
export type NewPrice = Omit<New<Price>, 'sequence'>;
/** What may change in place; everything that decides an amount makes a new version instead. */
export type PriceChange = Partial<Pick<Price, 'displayName' | 'description' | 'lookupKey' | 'groupId' | 'metadata' | 'endDate'>> &
  Pick<Price, 'updatedAt'>;
const table = resourceTable('prices', {
  entity: 'price',
  json: ['tiers', 'priceUnitTiers'],
  large: ['metadata', 'tiers', 'priceUnitTiers'],
});
const nextSequence = sql<number>`nextval('price_sequence')`;

export const priceRepository = {
  hold: table.hold,

  insert: async (tx: TenantTransaction, price: NewPrice): Promise<Price> =>
    fromRow(await table.insert(tx, { ...price, ...tierColumns(price), sequence: nextSequence as never })),

  /** Ended prices are found, too. Throws NotFound. */
  get: async (tx: TenantTransaction, id: string): Promise<Price> => fromRow(await table.get(tx, id)),

  /** Those of the ids that exist, in any order. */
  getMany: async (tx: TenantTransaction, ids: readonly string[]): Promise<Price[]> => (await table.getMany(tx, ids)).map(fromRow),

  /** Locks the row until the transaction ends. Throws NotFound. */
  lock: async (tx: TenantTransaction, id: string): Promise<Price> => fromRow(await table.lock(tx, id)),

  /** What charges for these meters, ended prices included, the newest first: `limit` of them. */
  chargingFor: async (tx: TenantTransaction, meterIds: readonly string[], limit: number): Promise<Price[]> =>
    meterIds.length === 0
      ? []
      : (
          await table
            .visible(tx)
            .where('meterId', 'in', meterIds)
            .where('entityType', '!=', 'COSTSHEET')
            .orderBy('id', 'desc')
            .limit(limit)
            .execute()
        ).map(fromRow),

  /** Prices of plans or of cost sheets, oldest first. `currency` without regard to case; `at` keeps what is in force at that moment. */
  async ofOwners(
    tx: TenantTransaction,
    ownerType: PriceOwnerType,
    ownerIds: readonly string[],
    { currency, at }: { currency?: string; at?: DateTime } = {},
  ): Promise<Price[]> {
    if (ownerIds.length === 0) return [];
    let query = table.visible(tx).where('entityType', '=', ownerType).where('entityId', 'in', ownerIds);
    if (currency !== undefined) query = query.where(sql<boolean>`lower(currency) = ${currency.toLowerCase()}`);
    if (at !== undefined)
      query = query
        .where((eb) => eb.or([eb('startDate', 'is', null), eb('startDate', '<=', at)]))
        .where((eb) => eb.or([eb('endDate', 'is', null), eb('endDate', '>', at)]));
    return (await query.orderBy('createdAt').orderBy('id').execute()).map(fromRow);
  },

  /** The version of the key's price in force at `at`, else the one that comes next, else the last. Throws NotFound. */
  async getByLookupKey(tx: TenantTransaction, lookupKey: string, at: DateTime): Promise<Price> {
    const row = await table
      .visible(tx)
      .where('lookupKey', '=', lookupKey)
      .orderBy(sql`(start_date is null or start_date <= ${at}) and (end_date is null or end_date > ${at})`, 'desc')
      .orderBy(sql`end_date is null or end_date > ${at}`, 'desc')
      .orderBy('createdAt', 'desc')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (!row) throw notFound('price', lookupKey);
    return fromRow(row);
  },

  /** Whether a price that has not ended charges for the meter. */
  async chargesFor(tx: TenantTransaction, meterId: string, now: DateTime): Promise<boolean> {
    const row = await table
      .visible(tx)
      .where('meterId', '=', meterId)
      .where((eb) => eb.or([eb('endDate', 'is', null), eb('endDate', '>', now)]))
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  },

  /** Whether a price other than `except` has the key at some moment of [start, end). */
  async isKeyTaken(
    tx: TenantTransaction,
    lookupKey: string,
    { start, end, except }: { start: DateTime | null; end: DateTime | null; except: string | null },
  ): Promise<boolean> {
    let query = tx.selectFrom('prices').select('id').where('status', '=', 'published').where('lookupKey', '=', lookupKey);
    if (start !== null) query = query.where((eb) => eb.or([eb('endDate', 'is', null), eb('endDate', '>', start)]));
    if (end !== null) query = query.where((eb) => eb.or([eb('startDate', 'is', null), eb('startDate', '<', end)]));
    if (except !== null) query = query.where('id', '!=', except);
    return (await query.limit(1).execute()).length > 0;
  },

  /** A new `endDate` gives the price the next sequence number: subscriptions have to react to it. */
  update: async (tx: TenantTransaction, id: string, change: PriceChange): Promise<Price> =>
    fromRow(await table.update(tx, id, { ...change, ...(change.endDate === undefined ? {} : { sequence: nextSequence as never }) })),

  async list(tx: TenantTransaction, request: ListRequest): Promise<Page<Price>> {
    const page = await table.list(tx, request);
    return { ...page, items: page.items.map(fromRow) };
  },
};

function tierColumns({ tiers, priceUnitTiers }: Pick<Price, 'tiers' | 'priceUnitTiers'>) {
  return { tiers: tiers && tiersToRecords(tiers), priceUnitTiers: priceUnitTiers && tiersToRecords(priceUnitTiers) };
}

function fromRow(row: PriceRow): Price {
  return {
    ...row,
    tiers: row.tiers && tiersFromRecords(row.tiers),
    priceUnitTiers: row.priceUnitTiers && tiersFromRecords(row.priceUnitTiers),
  };
}
