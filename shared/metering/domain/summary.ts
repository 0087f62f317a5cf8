import type { TouchedCustomer } from './counter.ts';

/** What a record of `events_post_processing` says: that events of an environment were stored, of which customers and names, and where they are. */
export interface StoredSummary {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly customers: readonly TouchedCustomer[];
  /** The stretch of the log that they were read from, both ends included. Null where the record does not say. */
  readonly stretch: { readonly topic: string; readonly partition: number; readonly first: bigint; readonly last: bigint } | null;
  /** Their earliest and latest timestamp, milliseconds since 1970. Null where the record does not say: it is of an earlier release. */
  readonly times: { readonly from: number; readonly until: number } | null;
}
