import type { DateTime } from 'luxon';

/** Which stored events a run takes: the range is half-open, an empty list asks for nothing. Times are RFC 3339. */
export interface ReprocessSelection {
  readonly externalCustomerIds: readonly string[];
  readonly eventNames: readonly string[];
  readonly eventIds: readonly string[];
  readonly startDate: string;
  readonly endDate: string;
  /** Events that were accepted later went their way by themselves. */
  readonly ingestedUntil: string;
}

/** A place in the order in which events are stored: by customer, name, time and id. */
export interface ReprocessPosition {
  readonly externalCustomerId: string;
  readonly eventName: string;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly id: string;
}

export interface Reprocess {
  readonly id: string;
  readonly selection: ReprocessSelection;
  readonly batchSize: number;
  readonly runStatus: 'pending' | 'running' | 'completed' | 'failed';
  readonly processed: number;
  /** Counted when the run begins; null before. */
  readonly total: number | null;
  readonly lastPosition: ReprocessPosition | null;
  readonly failureReason: string | null;
  readonly createdAt: DateTime;
  readonly startedAt: DateTime | null;
  readonly finishedAt: DateTime | null;
}
