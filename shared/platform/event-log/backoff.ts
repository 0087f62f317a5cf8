interface BackoffBounds {
  readonly firstMs?: number;
  readonly capMs?: number;
  readonly random?: () => number;
}

/** Pause before try number `failures + 1` of something that failed: `firstMs`, doubling, at most `capMs`, with jitter of a half. */
export function backoffMs(failures: number, { firstMs = 100, capMs = 10_000, random = Math.random }: BackoffBounds = {}): number {
  const full = Math.min(capMs, firstMs * 2 ** Math.min(failures, 20));
  return full * (0.5 + random() / 2);
}
