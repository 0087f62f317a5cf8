import { afterEach, expect, test, vi } from 'vitest';
import { createMetrics, flushEvery, METRICS, silentMetrics } from './metrics.ts';

const deployment = { mode: 'consumer', environment: 'test' } as const;

/** What the process writes while `work` runs, line by line. */
async function written(work: () => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    lines.push(...String(chunk).split('\n').filter(Boolean));
    return true;
  });
  try {
    await work();
  } finally {
    vi.restoreAllMocks();
  }
  return lines;
}

afterEach(() => {
  vi.useRealTimers();
});

test("what was recorded is one line in CloudWatch's embedded format, with service and environment as its only dimensions", async () => {
  const lines = await written(async () => {
    const metrics = await createMetrics({ metrics: { enabled: true }, deployment }, 'consumer');
    metrics.record('RowsInserted', 3);
    metrics.record('RowsInserted', 4);
    metrics.record('BatchInsertMs', 12.5);
    metrics.flush();
    metrics.flush();
  });
  expect(lines).toHaveLength(1);
  const line = JSON.parse(lines[0] ?? '') as {
    _aws: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string; Unit: string }[] }[] };
  };
  const [directive] = line._aws.CloudWatchMetrics;
  expect(directive?.Namespace).toBe('FlexPrice');
  expect(directive?.Dimensions.map((dimensions) => [...dimensions].sort())).toEqual([['environment', 'service']]);
  expect(directive?.Metrics).toEqual([
    expect.objectContaining({ Name: 'RowsInserted', Unit: 'Count' }),
    expect.objectContaining({ Name: 'BatchInsertMs', Unit: 'Milliseconds' }),
  ]);
  expect(line).toMatchObject({ service: 'consumer', environment: 'test', RowsInserted: [3, 4], BatchInsertMs: 12.5 });
});

test('an amount has its currency as a third dimension, and goes out at once', async () => {
  const lines = await written(async () => {
    const metrics = await createMetrics({ metrics: { enabled: true }, deployment }, 'relay');
    metrics.record('InvoiceAmountMinor', 1250, { currency: 'USD' });
    metrics.record('InvoiceAmountMinor', 990, { currency: 'EUR' });
  });
  const parsed = lines.map(
    (line) =>
      JSON.parse(line) as {
        currency: string;
        service: string;
        InvoiceAmountMinor: number;
        _aws: { CloudWatchMetrics: { Dimensions: string[][] }[] };
      },
  );
  expect(parsed.map(({ currency, service, InvoiceAmountMinor }) => [currency, service, InvoiceAmountMinor])).toEqual([
    ['USD', 'relay', 1250],
    ['EUR', 'relay', 990],
  ]);
  for (const { _aws } of parsed)
    expect(_aws.CloudWatchMetrics[0]?.Dimensions.map((each) => [...each].sort())).toEqual([['currency', 'environment', 'service']]);
});

test('metrics that are off write nothing and start no timer', async () => {
  const lines = await written(async () => {
    const metrics = await createMetrics({ metrics: { enabled: false }, deployment }, 'consumer');
    expect(metrics).toBe(silentMetrics);
    for (const name of Object.keys(METRICS) as (keyof typeof METRICS)[]) metrics.record(name, 1);
    flushEvery(metrics).stop();
    metrics.flush();
  });
  expect(lines).toEqual([]);
});

test('a long-lived process writes every interval, and the rest when it stops', async () => {
  vi.useFakeTimers();
  const lines = await written(async () => {
    const metrics = await createMetrics({ metrics: { enabled: true }, deployment }, 'worker');
    const flushing = flushEvery(metrics, 1_000);
    metrics.record('OutboxAgeSeconds', 1);
    vi.advanceTimersByTime(3_000);
    metrics.record('OutboxAgeSeconds', 2);
    flushing.stop();
    vi.advanceTimersByTime(3_000);
  });
  expect(lines.map((line) => (JSON.parse(line) as { OutboxAgeSeconds: number }).OutboxAgeSeconds)).toEqual([1, 2]);
});
