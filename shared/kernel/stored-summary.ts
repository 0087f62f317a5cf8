import { DateTime } from 'luxon';

/** A customer with the names of events that were stored of it. */
export interface TouchedCustomer {
  readonly externalCustomerId: string;
  readonly eventNames: readonly string[];
}

/** `from`: the earliest timestamp of its events, milliseconds since 1970. Null where the record does not say: it is of an earlier release. */
export interface SummaryCustomer extends TouchedCustomer {
  readonly from: number | null;
}

/** What a record of `events_post_processing` says: that events of an environment were stored, of which customers and names, and where they are. */
export interface StoredSummary {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly customers: readonly SummaryCustomer[];
  /** The stretch of the log that they were read from, both ends included. Null where the record does not say. */
  readonly stretch: { readonly topic: string; readonly partition: number; readonly first: bigint; readonly last: bigint } | null;
  /** Their earliest and latest timestamp, milliseconds since 1970. Null where the record does not say: it is of an earlier release. */
  readonly times: { readonly from: number; readonly until: number } | null;
}

/** When the events of each customer begin, as far as the summaries say. */
export function firstEventsOf(summaries: readonly Pick<StoredSummary, 'customers'>[]): Map<string, DateTime> {
  const first = new Map<string, number>();
  for (const { externalCustomerId, from } of summaries.flatMap(({ customers }) => customers)) {
    if (from !== null) first.set(externalCustomerId, Math.min(from, first.get(externalCustomerId) ?? from));
  }
  return new Map([...first].map(([externalCustomerId, millis]) => [externalCustomerId, DateTime.fromMillis(millis, { zone: 'utc' })]));
}
