import { createHash } from 'node:crypto';
import type { Beside, LineCalculation } from '#charges/domain/calculation.ts';

/** The parts of a calculation that grow with time and not with the contract: a month of minutes has 44,640 of them. */
export const DETAILS = ['buckets', 'windows'] as const;
export type DetailKind = (typeof DETAILS)[number];

/** More than these stand beside the line. */
export const EMBEDDED_DETAILS = 100;

export interface LineDetails {
  readonly kind: DetailKind;
  readonly entries: readonly unknown[];
}

/** A calculation whose size follows from the contract alone, and what was taken out of it. */
export interface BoundedCalculation {
  readonly calculation: LineCalculation;
  readonly details: readonly LineDetails[];
}

/** Takes what is long out of a calculation. Steps, sums and the amount stay, so that it still explains itself; bounded twice is bounded once. */
export function bounded(calculation: LineCalculation): BoundedCalculation {
  const details: LineDetails[] = [];
  const taken = (kind: DetailKind, entries: readonly unknown[] | null | undefined): Beside | null => {
    if (!entries || entries.length <= EMBEDDED_DETAILS) return null;
    details.push({ kind, entries });
    return { count: entries.length, digest: createHash('sha256').update(JSON.stringify(entries)).digest('base64url') };
  };
  const { usage, commitment } = calculation;
  const bucketsBeside = taken('buckets', usage?.buckets);
  const windowsBeside = taken('windows', commitment?.windows);
  return {
    calculation: {
      ...calculation,
      usage: usage && bucketsBeside ? { ...usage, buckets: null, bucketsBeside } : usage,
      commitment: commitment && windowsBeside ? { ...commitment, windows: null, windowsBeside } : commitment,
    },
    details,
  };
}

/** What of a kind stands in the calculation itself, or how many stand beside it. A fee has none of either. */
export function detailsOf({ usage, commitment }: LineCalculation, kind: DetailKind): readonly unknown[] | Beside {
  return kind === 'buckets' ? (usage?.bucketsBeside ?? usage?.buckets ?? []) : (commitment?.windowsBeside ?? commitment?.windows ?? []);
}
