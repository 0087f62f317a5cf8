import { createHash } from 'node:crypto';
import type { DateTime } from 'luxon';
import type { BillingReason } from './invoice.ts';

export interface InvoiceIdentity {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly customerId: string;
  readonly subscriptionId: string;
  readonly periodStart: DateTime;
  readonly periodEnd: DateTime;
  readonly billingReason: BillingReason;
}

/** The key of a subscription's invoice: the whole SHA-256 over a canonical form, keys sorted, times to the minute in UTC (billing.md 5.1). */
export function invoiceKey(identity: InvoiceIdentity): string {
  const canonical = Object.entries({ ...identity, periodStart: minute(identity.periodStart), periodEnd: minute(identity.periodEnd) }).sort(
    ([a], [b]) => (a < b ? -1 : 1),
  );
  return `subscription_invoice-${createHash('sha256').update(JSON.stringify(canonical)).digest('hex')}`;
}

function minute(time: DateTime): string {
  return time.toUTC().startOf('minute').toISO() ?? '';
}
