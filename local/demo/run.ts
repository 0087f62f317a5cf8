import { MultiBar } from 'cli-progress';
import { prepareCatalog, subscribe } from './catalog.ts';
import { type ApiClient, createApiClient, type Json } from './client.ts';
import { invoiceReport, usageReport } from './report.ts';
import { TRACE_CUSTOMERS, TRACE_EVENT, TRACE_PERIOD, type TraceCustomer, traceBatches } from './trace.ts';

const BATCH = 500;

export interface DemoOptions {
  /** Of the API, with `/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly write?: (text: string) => void;
  /** Send the trace even if its invoices are there already. */
  readonly again?: boolean;
}

export interface DemoResult {
  readonly invoices: Readonly<Record<string, Json>>;
  readonly usage: readonly { customer: string; requests: number; input: number; output: number }[];
}

/**
 * Meters and bills the real trace through the public API: catalog and customers, 28,185 events, the usage, and the invoices that
 * the billing sweep issues. A run that was interrupted is continued; one that is complete is only shown again.
 */
export async function runDemo({
  baseUrl,
  apiKey,
  write = (text) => process.stdout.write(`${text}\n`),
  again = false,
}: DemoOptions): Promise<DemoResult> {
  const api = createApiClient(baseUrl, apiKey);
  const catalog = await prepareCatalog(api);
  const invoiceOf = (customer: TraceCustomer) => findInvoice(api, catalog.customerIds[customer.externalId] ?? '');
  const complete = (await Promise.all(TRACE_CUSTOMERS.map(invoiceOf))).every((invoice) => invoice !== null);
  if (!complete || again) await sendTrace(api, write);
  if (!complete) await subscribe(api, catalog);

  const usage = await Promise.all(TRACE_CUSTOMERS.map((customer) => usageOf(api, customer)));
  write(`\n${usageReport(usage)}\n`);
  const invoices: Record<string, Json> = {};
  for (const customer of TRACE_CUSTOMERS) {
    const { id } = await until(() => invoiceOf(customer));
    invoices[customer.externalId] = await api.call('GET', `/invoices/${id}`);
    write(`${invoiceReport(customer.name, invoices[customer.externalId])}\n`);
  }
  return { invoices, usage };
}

/** The finalized November invoice, once there is one. */
async function findInvoice(api: ApiClient, customerId: string): Promise<Json | null> {
  const found = await api.call('POST', '/invoices/search', { customer_id: customerId, invoice_status: ['FINALIZED'], limit: 10 });
  return found.items.find((invoice: Json) => invoice.billing_reason === 'SUBSCRIPTION_CYCLE') ?? null;
}

async function sendTrace(api: ApiClient, write: (text: string) => void): Promise<void> {
  const bars = new MultiBar({
    format: '  {stage} {customer} [{bar}] {value}/{total}',
    barsize: 32,
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 1000,
  });
  write(
    `\nMetering ${TRACE_CUSTOMERS.reduce((total, customer) => total + customer.requests, 0).toLocaleString('en-US')} real LLM requests (Azure LLM inference trace 2023, CC BY 4.0)`,
  );
  try {
    await Promise.all(
      TRACE_CUSTOMERS.map(async (customer) => {
        const label = customer.externalId.padEnd(11);
        const sent = bars.create(customer.requests, 0, { stage: 'accepted', customer: label });
        const metered = bars.create(customer.requests, 0, { stage: 'metered ', customer: label });
        for await (const events of traceBatches(customer, BATCH)) {
          await api.call('POST', '/events/bulk', { events });
          sent.increment(events.length);
        }
        await until(async () => {
          const count = await value(api, customer, { aggregation_type: 'COUNT' });
          metered.update(count);
          return count >= customer.requests ? count : null;
        });
      }),
    );
  } finally {
    bars.stop();
  }
}

async function usageOf(api: ApiClient, customer: TraceCustomer): Promise<DemoResult['usage'][number]> {
  const [requests, input, output] = await Promise.all([
    value(api, customer, { aggregation_type: 'COUNT' }),
    value(api, customer, { aggregation_type: 'SUM', property_name: 'context_tokens' }),
    value(api, customer, { aggregation_type: 'SUM', property_name: 'generated_tokens' }),
  ]);
  return { customer: customer.externalId, requests, input, output };
}

async function value(api: ApiClient, customer: TraceCustomer, aggregation: object): Promise<number> {
  const answer = await api.call('POST', '/events/usage', {
    event_name: TRACE_EVENT,
    external_customer_id: customer.externalId,
    start_time: TRACE_PERIOD.start,
    end_time: TRACE_PERIOD.end,
    ...aggregation,
  });
  return answer.value ?? 0;
}

/** Asks until there is an answer. The demo has no other way to know than a customer of the API has: to look. */
async function until<T>(ask: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + 180_000;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > deadline) throw new Error('the demo waited 3 minutes without a result; see the logs in the data directory');
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}
