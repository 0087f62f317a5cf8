import type { EntityColumns } from '#kernel/wire.ts';

/** What usage costs the tenant itself: a name over prices of its own (billing.md 2.1). */
export interface Costsheet extends EntityColumns {
  readonly name: string;
  readonly lookupKey: string | null;
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}
