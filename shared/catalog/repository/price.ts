import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import { notFound } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { listRows } from '#platform/postgres/list.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { jsonb } from '#platform/postgres/types.ts';
import { type Price, type PriceOwnerType, type Tier, type TierRecord, tiersFromRecords, tiersToRecords } from '../domain/price.ts';

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
export type NewPrice = Omit<Price, 'tenantId' | 'environmentId' | 'status' | 'createdBy' | 'updatedBy' | 'sequence'>;
/** What may change in place; everything that decides an amount makes a new version instead. */
export type PriceChange = Partial<Pick<Price, 'displayName' | 'description' | 'lookupKey' | 'groupId' | 'metadata' | 'endDate'>> &
  Pick<Price, 'updatedAt'>;
export interface PriceFilter {
  readonly priceIds?: readonly string[] | null | undefined;
  readonly planIds?: readonly string[] | null | undefined;
  readonly entityType?: Price['entityType'] | null | undefined;
  /** Prices of these owners are left out. */
  readonly notOf?: Price['entityType'] | null | undefined;
  readonly entityIds?: readonly string[] | null | undefined;
  readonly subscriptionId?: string | null | undefined;
  readonly meterIds?: readonly string[] | null | undefined;
  readonly parentPriceId?: string | null | undefined;
  readonly billingPeriods?: readonly Price['billingPeriod'][] | null | undefined;
  readonly startDateLt?: DateTime | null | undefined;
  /** Prices that ended before this moment are left out; null keeps them. */
  readonly activeAt: DateTime | null;
}

const LIST_FIELDS = {
  entity_type: 'string',
  entity_id: 'string',
  type: 'string',
  billing_model: 'string',
  billing_period: 'string',
  billing_period_count: 'number',
  invoice_cadence: 'string',
  tier_mode: 'string',
  amount: 'number',
  currency: 'string',
  display_name: 'string',
  lookup_key: 'string',
  meter_id: 'string',
  parent_price_id: 'string',
  price_unit_type: 'string',
  sequence: 'number',
  start_date: 'date',
  end_date: 'date',
} as const;
const nextSequence = sql<number>`nextval('price_sequence')`;

export const priceRepository = {
  async insert(tx: TenantTransaction, price: NewPrice): Promise<Price> {
    const row = { ...price, tiers: tierColumn(price.tiers), priceUnitTiers: tierColumn(price.priceUnitTiers), sequence: nextSequence };
    return fromRow(await tx.insertInto('prices').values(row).returningAll().executeTakeFirstOrThrow());
  },

  /** Ended prices are found, too. Throws NotFound when the environment has no such price. */
  async get(tx: TenantTransaction, id: string): Promise<Price> {
    const row = await published(tx).where('id', '=', id).executeTakeFirst();
    if (!row) throw notFound('price', id);
    return fromRow(row);
  },

  /** Those of the ids that exist, in any order. */
  async getMany(tx: TenantTransaction, ids: readonly string[]): Promise<Price[]> {
    return ids.length === 0 ? [] : (await published(tx).where('id', 'in', ids).execute()).map(fromRow);
  },

  /** Prices of plans or of cost sheets, oldest first. `currency` without regard to case; `at` keeps what is in force at that moment. */
  async ofOwners(
    tx: TenantTransaction,
    ownerType: PriceOwnerType,
    ownerIds: readonly string[],
    { currency, at }: { currency?: string; at?: DateTime } = {},
  ): Promise<Price[]> {
    if (ownerIds.length === 0) return [];
    let query = published(tx).where('entityType', '=', ownerType).where('entityId', 'in', ownerIds);
    if (currency !== undefined) query = query.where(sql<boolean>`lower(currency) = ${currency.toLowerCase()}`);
    if (at !== undefined)
      query = query
        .where((eb) => eb.or([eb('startDate', 'is', null), eb('startDate', '<=', at)]))
        .where((eb) => eb.or([eb('endDate', 'is', null), eb('endDate', '>', at)]));
    return (await query.orderBy('createdAt').orderBy('id').execute()).map(fromRow);
  },

  /** The version of the key's price in force at `at`, else the one that comes next, else the last. Throws NotFound. */
  async getByLookupKey(tx: TenantTransaction, lookupKey: string, at: DateTime): Promise<Price> {
    const row = await published(tx)
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

  /** Locks the row until the transaction ends. */
  async lock(tx: TenantTransaction, id: string): Promise<Price> {
    const row = await published(tx).where('id', '=', id).forUpdate().executeTakeFirst();
    if (!row) throw notFound('price', id);
    return fromRow(row);
  },

  /** A new `endDate` gives the price the next sequence number: subscriptions have to react to it. */
  async update(tx: TenantTransaction, id: string, change: PriceChange, actorId: string): Promise<Price> {
    const sequence = change.endDate === undefined ? {} : { sequence: nextSequence };
    return fromRow(
      await tx
        .updateTable('prices')
        .set({ ...change, ...sequence, updatedBy: actorId })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirstOrThrow(),
    );
  },

  async list(tx: TenantTransaction, filter: PriceFilter, options: ListOptions): Promise<Page<Price>> {
    const { activeAt } = filter;
    let query = tx.selectFrom('prices').selectAll();
    if (filter.priceIds?.length) query = query.where('id', 'in', filter.priceIds);
    if (filter.planIds?.length) query = query.where('entityType', '=', 'PLAN').where('entityId', 'in', filter.planIds);
    if (filter.entityType) query = query.where('entityType', '=', filter.entityType);
    if (filter.notOf) query = query.where('entityType', '!=', filter.notOf);
    if (filter.entityIds?.length) query = query.where('entityId', 'in', filter.entityIds);
    if (filter.subscriptionId) query = query.where('entityType', '=', 'SUBSCRIPTION').where('entityId', '=', filter.subscriptionId);
    if (filter.meterIds?.length) query = query.where('meterId', 'in', filter.meterIds);
    if (filter.parentPriceId) query = query.where('parentPriceId', '=', filter.parentPriceId);
    if (filter.billingPeriods?.length) query = query.where('billingPeriod', 'in', filter.billingPeriods);
    if (filter.startDateLt) query = query.where('startDate', '<', filter.startDateLt);
    if (activeAt !== null) query = query.where((eb) => eb.or([eb('endDate', 'is', null), eb('endDate', '>', activeAt)]));
    const page = await listRows<PriceRow>(query, { ...options, status: options.status ?? 'published' }, LIST_FIELDS, 'prices');
    return { ...page, items: page.items.map(fromRow) };
  },
};

function published(tx: TenantTransaction) {
  return tx.selectFrom('prices').selectAll().where('status', '=', 'published');
}

function tierColumn(tiers: readonly Tier[] | null) {
  return tiers === null ? null : jsonb(tiersToRecords(tiers));
}

function fromRow(row: PriceRow): Price {
  return {
    ...row,
    tiers: row.tiers && tiersFromRecords(row.tiers),
    priceUnitTiers: row.priceUnitTiers && tiersFromRecords(row.priceUnitTiers),
  };
}
