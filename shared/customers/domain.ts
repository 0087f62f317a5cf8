import type { EntityColumns } from '#kernel/wire.ts';

/** Who is billed. Usage finds a customer by `externalId`, the tenant's own name for it (billing.md 2.1). */
export interface Customer extends EntityColumns {
  readonly externalId: string;
  readonly name: string;
  readonly email: string | null;
  readonly contact: string | null;
  readonly addressLine1: string | null;
  readonly addressLine2: string | null;
  readonly addressCity: string | null;
  readonly addressState: string | null;
  readonly addressPostalCode: string | null;
  readonly addressCountry: string | null;
  /** IANA name: boundaries of the customer's days, months and billing periods. */
  readonly timezone: string;
  readonly metadata: Readonly<Record<string, string>>;
}
