import { DateTime } from 'luxon';
import { Decimal } from '#kernel/decimal.ts';
import { wireTime } from '#kernel/wire.ts';
import type { InvoiceLine } from './invoice.ts';
import type { StagedLine } from './pipeline.ts';

/** What has to be written so that an invoice holds other lines. */
export interface LineChanges {
  /** For each of the new lines, in their order, the stored one that it is; null for one that is new. */
  readonly matches: readonly (InvoiceLine | null)[];
  /** Indexes of the new lines that differ from what is stored. */
  readonly written: readonly number[];
  /** Ids of stored lines that are replaced or gone. */
  readonly removed: readonly string[];
}

/**
 * Compares what is stored with what was computed. A line is the same one when it is of the same line item, price and period
 * (billing.md 5.1), and is not written when it says the same; that the store has seen more since is no difference.
 */
export function lineChanges(stored: readonly InvoiceLine[], computed: readonly StagedLine[]): LineChanges {
  const byIdentity = Map.groupBy(stored, identityOf);
  const matches = computed.map((line) => byIdentity.get(identityOf(line))?.shift() ?? null);
  const written = computed.flatMap((line, index) => {
    const match = matches[index];
    return match && contentOf(match) === contentOf(line) ? [] : [index];
  });
  const kept = new Set(matches.flatMap((match, index) => (match && !written.includes(index) ? match.id : [])));
  return { matches, written, removed: stored.filter(({ id }) => !kept.has(id)).map(({ id }) => id) };
}

function identityOf({ subscriptionLineItemId, priceId, periodStart, periodEnd }: StagedLine): string {
  return JSON.stringify([subscriptionLineItemId, priceId, periodStart?.toMillis(), periodEnd?.toMillis()]);
}

/** Fields of a stored line that say who wrote it and when. */
const OF_ROW = new Set<string>([
  'id',
  'invoiceId',
  'tenantId',
  'environmentId',
  'status',
  'createdAt',
  'updatedAt',
  'createdBy',
  'updatedBy',
] satisfies (keyof InvoiceLine)[]);

/** One text for one content, whether it comes from the store, where times and decimals are text and keys in any order, or is fresh. */
function contentOf(line: StagedLine): string {
  return JSON.stringify(plain(Object.fromEntries(Object.entries(line).filter(([name]) => !OF_ROW.has(name)))));
}

function plain(value: unknown): unknown {
  if (DateTime.isDateTime(value)) return wireTime(value);
  if (Decimal.isDecimal(value)) return (value as Decimal).toFixed();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .filter(([key, inner]) => key !== 'watermark' && inner !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, plain(inner)]);
}
