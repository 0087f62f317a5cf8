/** How much work a run does. All of it is bounded by count or by time. */
export interface Sizes {
  /** Seconds of load, after the warm-up. */
  readonly warmUpSeconds: number;
  readonly loadSeconds: number;
  /** Events that go from the log to ClickHouse. */
  readonly consumedEvents: number;
  /** Events that go the whole way from the API to ClickHouse, and single ones whose way is timed. */
  readonly chainEvents: number;
  readonly visibleEvents: number;
  readonly soakSeconds: number;
  /** Numbers of events that usage is asked of, ascending, and how often. */
  readonly storedEvents: readonly number[];
  readonly customers: number;
  readonly customerQueries: number;
  readonly overallQueries: number;
}

export const FULL: Sizes = {
  warmUpSeconds: 2,
  loadSeconds: 5,
  consumedEvents: 200_000,
  chainEvents: 500_000,
  visibleEvents: 200,
  soakSeconds: 600,
  storedEvents: [1_000_000, 10_000_000],
  customers: 10_000,
  customerQueries: 200,
  overallQueries: 30,
};
export const QUICK: Sizes = {
  warmUpSeconds: 1,
  loadSeconds: 1,
  consumedEvents: 20_000,
  chainEvents: 50_000,
  visibleEvents: 20,
  soakSeconds: 20,
  storedEvents: [100_000],
  customers: 1_000,
  customerQueries: 40,
  overallQueries: 10,
};
