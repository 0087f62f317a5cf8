/**
 * A job started again and again. A schedule does not start while its previous run is still going (billing.md section 9);
 * the missed start is skipped, not queued. Both drivers read the same table (`shared/app/schedules.ts`).
 */
export interface Schedule {
  /** Stable name, e.g. `subscription-billing`: the id of the Temporal schedule and the stem of the ids of its runs. */
  readonly id: string;
  readonly job: string;
  /** Starts fall on multiples of this since the epoch, so that several processes agree on them. */
  readonly everySeconds: number;
  readonly input: unknown;
}
