import type { DateTime } from 'luxon';
import type { Entitlement } from '#catalog/domain/entitlement.ts';

/** From when until when terms were in force; null: open. The end is not in it. */
export interface InForce {
  readonly from: DateTime | null;
  readonly until: DateTime | null;
}

/** What of an entitlement decides how much is free. */
export type AllowanceTerms = Pick<Entitlement, 'isEnabled' | 'usageLimit' | 'usageResetPeriod' | 'isSoftLimit'>;

/** What an entitlement allowed until it was changed or deleted. */
export interface EntitlementVersion extends AllowanceTerms {
  readonly entitlementId: string;
  /** 1, 2, .. in the order of time. */
  readonly version: number;
  readonly replacedAt: DateTime;
}

/** An entitlement with the terms of a time. */
export type DatedEntitlement = Entitlement & { readonly inForce: InForce };

/**
 * All that one plan, addon or subscription ever gave, deleted ones as well, each in the terms of each time: what was used before a change
 * keeps what it had, as with prices. The first entitlement to a feature holds from the beginning, whenever it was made, as a limit is never
 * cut to a part of a period; one that follows a deleted one holds from when it was made, or the time before would have both.
 */
export function termsInTime(entitlements: readonly Entitlement[], versions: readonly EntitlementVersion[]): DatedEntitlement[] {
  const byEntitlement = Map.groupBy(versions, ({ entitlementId }) => entitlementId);
  const firsts = new Map<string, Entitlement>();
  for (const entitlement of entitlements) {
    const first = firsts.get(entitlement.featureId);
    if (first === undefined || entitlement.createdAt < first.createdAt) firsts.set(entitlement.featureId, entitlement);
  }
  return entitlements.flatMap((entitlement) =>
    termsOf(
      entitlement,
      byEntitlement.get(entitlement.id) ?? [],
      firsts.get(entitlement.featureId) === entitlement ? null : entitlement.createdAt,
    ),
  );
}

function termsOf(entitlement: Entitlement, versions: readonly EntitlementVersion[], since: DateTime | null): DatedEntitlement[] {
  let from = since;
  const dated: DatedEntitlement[] = [];
  for (const version of versions.toSorted((a, b) => a.version - b.version)) {
    const { isEnabled, usageLimit, usageResetPeriod, isSoftLimit, replacedAt } = version;
    dated.push({ ...entitlement, isEnabled, usageLimit, usageResetPeriod, isSoftLimit, inForce: { from, until: replacedAt } });
    from = replacedAt;
  }
  return entitlement.status === 'published' ? [...dated, { ...entitlement, inForce: { from, until: null } }] : dated;
}

/** Whether a change is one of how much is free. */
export function changesAllowance(before: AllowanceTerms, after: AllowanceTerms): boolean {
  const isSameLimit =
    before.usageLimit === null || after.usageLimit === null
      ? before.usageLimit === after.usageLimit
      : before.usageLimit.eq(after.usageLimit);
  return (
    !isSameLimit ||
    before.isEnabled !== after.isEnabled ||
    before.usageResetPeriod !== after.usageResetPeriod ||
    before.isSoftLimit !== after.isSoftLimit
  );
}

/** Terms without a time are those of now, for who asks about now. */
export function isInForce({ inForce }: { readonly inForce?: InForce }, at: DateTime): boolean {
  return inForce === undefined || ((inForce.from === null || inForce.from <= at) && (inForce.until === null || at < inForce.until));
}
