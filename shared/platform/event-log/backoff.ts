const FIRST_MS = 100;
const CAP_MS = 10_000;

/** Pause before try number `failures + 1` of something that failed: 100 ms, doubling, at most 10 s, with jitter of a half. */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  const full = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(failures, 20));
  return full * (0.5 + random() / 2);
}
