import type { EntityColumns } from '#kernel/wire.ts';

/** What customers subscribe to: a name over prices and entitlements (billing.md 2.1). */
export interface Plan extends EntityColumns {
  readonly name: string;
  readonly lookupKey: string | null;
  readonly description: string | null;
  readonly displayOrder: number | null;
  readonly metadata: Readonly<Record<string, string>>;
}
