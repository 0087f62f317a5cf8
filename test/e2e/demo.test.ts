import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runDemo } from '#local/demo/run.ts';
import { freePort } from '#local/ports.ts';
import { LocalModeProcess } from '#test/support/local-mode.ts';
import { DEMO_CUSTOMERS as CUSTOMERS, DEMO_METERED as METERED, expectedLines, linesOf } from './demo-figures.ts';
import type { ExpectedCustomer } from './expected-demo.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers of any shape
type Json = any;

const API_KEY = 'sk_local_demo_test_key';
const NOVEMBER = { start_time: '2023-11-01T00:00:00Z', end_time: '2023-12-01T00:00:00Z' };
const START_MS = 300_000;
/** Less than the hook may take, so that a start which hangs ends with its output. */
const READY_MS = 280_000;
const WAIT = { timeout: 60_000, interval: 100 };

let parent: string;
let port: number;
let local: LocalModeProcess;
let firstOutput: string;

const start = (): Promise<LocalModeProcess> =>
  new LocalModeProcess({
    dataDir: join(parent, 'data'),
    port,
    env: { FLEXPRICE_LOCAL_API_KEY: API_KEY, FLEXPRICE_LOCAL_DEMO: 'true' },
  }).ready(READY_MS);

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'flexprice-demo-'));
  chmodSync(parent, 0o711);
  port = await freePort();
  local = await start();
  firstOutput = local.output;
}, START_MS);

afterAll(async () => {
  await local?.killEverything();
  rmSync(parent, { recursive: true, force: true });
});

async function call(method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await fetch(`${local.url}/v1${path}`, {
    method,
    headers: { 'x-api-key': API_KEY, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** All invoices of a customer, each as its own address gives it, oldest first. */
async function invoicesOf(externalId: string): Promise<Json[]> {
  const { items } = await call('POST', '/invoices/search', {
    external_customer_id: externalId,
    sort: [{ field: 'created_at', direction: 'asc' }],
  });
  return Promise.all(items.map(({ id }: Json) => call('GET', `/invoices/${id}`)));
}

const usageOf = async (externalId: string): Promise<Record<string, number>> =>
  Object.fromEntries(
    await Promise.all(
      METERED.map(async ({ field, usage }) => [
        field,
        (await call('POST', '/events/usage', { event_name: 'llm.request', external_customer_id: externalId, ...NOVEMBER, ...usage })).value,
      ]),
    ),
  );

const EVER = { start_time: '2023-01-01T00:00:00Z', end_time: '2030-01-01T00:00:00Z' };

const expectedUsage = ({ input, output, request }: ExpectedCustomer) => ({
  input: Number(input.used),
  output: Number(output.used),
  request: Number(request.used),
});

/** Everything that sending again must leave as it is. */
const snapshot = async (): Promise<Json> =>
  Promise.all(
    CUSTOMERS.map(async ({ id }) => ({
      invoices: await invoicesOf(id),
      usage: await usageOf(id),
      events: (
        await call('POST', '/events/usage', { external_customer_id: id, event_name: 'llm.request', aggregation_type: 'COUNT', ...EVER })
      ).value,
    })),
  );

/** The part of the output with the usage and the invoices, without the times that surround it. */
const report = (output: string): string => output.slice(output.indexOf('  Usage '), output.indexOf('  API '));

const invoicePattern = (display: string, amount: string): RegExp => new RegExp(`${display} .* \\$${amount.replace('.', '\\.')}`);

describe.sequential('the demonstration', { timeout: START_MS }, () => {
  test.each(CUSTOMERS)('the trace of $id comes to the figures of the offer', ({ expected, literal }) => {
    expect({
      requests: expected.requests,
      input: expected.input.shown,
      output: expected.output.shown,
      request: expected.request.shown,
    }).toEqual({
      requests: literal.requests,
      input: literal.input,
      output: literal.output,
      request: literal.request,
    });
    expect(Number(expected.total)).toBe(Number(literal.total));
  });

  test.each(CUSTOMERS)('the output shows usage and invoice of $id', ({ id, name, expected, literal }) => {
    const grouped = (text: string) => Number(text).toLocaleString('en-US');
    expect(firstOutput).toContain('28,185 real LLM requests');
    expect(firstOutput).toMatch(
      new RegExp(`  ${id} +${grouped(expected.request.used)} +${grouped(expected.input.used)} +${grouped(expected.output.used)}\n`),
    );
    const [, invoice = ''] = new RegExp(`INV-\\S+  ${name} .*\n([^]*?\n    Total .*)`).exec(firstOutput) ?? [];
    const lines = invoice.split('\n');
    expect(lines).toHaveLength(4);
    expect(lines).toEqual([
      expect.stringMatching(invoicePattern('Input tokens', literal.input)),
      expect.stringMatching(invoicePattern('Output tokens', literal.output)),
      expect.stringMatching(invoicePattern('Requests', literal.request)),
      expect.stringMatching(invoicePattern('Total', literal.total)),
    ]);
  });

  test.each(CUSTOMERS)('usage of $id is exact, by event name and by meter', async ({ id, expected }) => {
    expect(await usageOf(id)).toEqual(expectedUsage(expected));
    const { items } = await call('POST', '/features/search', { lookup_keys: METERED.map(({ key }) => key) });
    for (const { key, field } of METERED) {
      const { meter_id } = items.find((feature: Json) => feature.lookup_key === key);
      const { value } = await call('POST', '/events/usage/meter', { meter_id, external_customer_id: id, ...NOVEMBER });
      expect({ key, value }).toEqual({ key, value: Number(expected[field].used) });
    }
  });

  test.each(CUSTOMERS)('$id has the fee on the opening invoice and the usage of November on the next', async ({ id, expected }) => {
    const [opening, november, ...others] = await invoicesOf(id);
    expect(others).toEqual([]);
    const period = {
      period_start: '2023-11-01T00:00:00Z',
      period_end: '2023-12-01T00:00:00Z',
      currency: 'usd',
      invoice_status: 'FINALIZED',
    };
    expect(opening).toMatchObject({
      ...period,
      billing_reason: 'SUBSCRIPTION_CREATE',
      total: '49',
      amount_due: '49',
      line_items: [{ display_name: 'Platform fee', amount: '49', quantity: '1' }],
    });
    expect(opening.line_items).toHaveLength(1);
    expect(november).toMatchObject({
      ...period,
      billing_reason: 'SUBSCRIPTION_CYCLE',
      subtotal: expected.total,
      total: expected.total,
      amount_due: expected.total,
    });
    expect(linesOf(november)).toEqual(expectedLines(expected));
    expect(november.invoice_number).toMatch(/^INV-\d{6}-\d{5}$/);
    expect(november.invoice_number).not.toBe(opening.invoice_number);
  });

  test.each(CUSTOMERS)('every usage line of $id says what it was made from', async ({ id, expected }) => {
    const [, november] = await invoicesOf(id);
    for (const [index, { field, usage }] of METERED.entries()) {
      const { used, billed, unitAmount, exact, amount } = expected[field];
      const { calculation } = november.line_items[index];
      expect(calculation).toMatchObject({
        quantity_before_entitlement: used,
        quantity: billed,
        unrounded_amount: exact,
        amount,
        rounding: { currency: 'usd', digits: 2 },
        steps: [{ quantity: billed, unit_amount: unitAmount, flat_amount: '0', amount: exact }],
        price: { billing_model: 'FLAT_FEE', amount: unitAmount },
        usage: {
          external_customer_id: id,
          meter: { event_name: 'llm.request', aggregation: { type: usage.aggregation_type } },
          readings: [{ value: used, event_count: expected.requests }],
        },
      });
      expect(calculation.steps).toHaveLength(1);
      expect(calculation.usage.readings).toHaveLength(1);
      const [{ period, watermark }] = calculation.usage.readings;
      expect([Date.parse(period.start), Date.parse(period.end)]).toEqual([Date.parse(NOVEMBER.start_time), Date.parse(NOVEMBER.end_time)]);
      // Everything accepted up to this time is in the number: at least the events, and nothing after the invoice.
      expect(Date.parse(watermark)).toBeLessThanOrEqual(Date.parse(november.finalized_at));
      expect(Date.parse(watermark)).toBeGreaterThan(Date.parse('2024-01-01T00:00:00Z'));
      if (field === 'request') expect(calculation.entitlement).toMatchObject({ limit: '5000' });
      else expect(calculation.entitlement).toBeUndefined();
    }
  });

  test('sending the whole trace a second time changes nothing', async () => {
    const before = await snapshot();
    vi.spyOn(process.stderr, 'write').mockReturnValue(true); // the progress bars
    const said: string[] = [];
    const { invoices, usage } = await runDemo({
      baseUrl: `${local.url}/v1`,
      apiKey: API_KEY,
      write: (text) => said.push(text),
      again: true,
    }).finally(() => vi.restoreAllMocks());
    expect(said.join('\n')).toContain('Metering 28,185');

    // One customer's events keep their order: once these are there, the second trace has gone through before them.
    await Promise.all(
      CUSTOMERS.map(({ id }) =>
        call('POST', '/events', {
          event_id: `after ${id}`,
          event_name: 'after',
          external_customer_id: id,
          timestamp: '2023-11-20T00:00:00Z',
        }),
      ),
    );
    await Promise.all(
      CUSTOMERS.map(({ id }) =>
        vi.waitFor(
          async () =>
            expect((await call('POST', '/events/query', { external_customer_id: id, event_name: 'after', ...EVER })).total_count).toBe(1),
          WAIT,
        ),
      ),
    );

    expect(await snapshot()).toEqual(before);
    for (const [index, { id, expected }] of CUSTOMERS.entries()) {
      expect(before[index]).toMatchObject({ events: expected.requests, usage: expectedUsage(expected) });
      expect(invoices[id]).toEqual(before[index].invoices[1]);
      expect(usage[index]).toEqual({
        customer: id,
        requests: expected.requests,
        input: Number(expected.input.used),
        output: Number(expected.output.used),
      });
    }
  });

  test('a second start keeps the data and shows the same invoices without sending again', async () => {
    const before = await snapshot();
    local.kill('SIGTERM');
    expect(await local.exited).toBe(0);
    local = await start();
    expect(local.output).not.toContain('Metering');
    expect(local.output).not.toContain('accepted');
    expect(local.output).not.toContain('did not finish');
    expect(report(local.output)).toBe(report(firstOutput));
    expect(report(firstOutput)).toContain('$134.17');
    expect(await snapshot()).toEqual(before);
  });
});
