import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse';

const FOLDER = join(import.meta.dirname, '../../examples/llm-trace');

/** A service of the trace, which is a customer of the demo. */
export interface TraceCustomer {
  readonly externalId: string;
  readonly name: string;
  readonly file: string;
  readonly requests: number;
}

export const TRACE_CUSTOMERS: readonly TraceCustomer[] = [
  { externalId: 'code-assist', name: 'Code Assist', file: 'AzureLLMInferenceTrace_code.csv', requests: 8_819 },
  { externalId: 'chat', name: 'Chat', file: 'AzureLLMInferenceTrace_conv.csv', requests: 19_366 },
];

export const TRACE_EVENT = 'llm.request';
export const TRACE_PERIOD = { start: '2023-11-01T00:00:00Z', end: '2023-12-01T00:00:00Z' } as const;

/** An event as `POST /v1/events/bulk` takes it. */
export interface TraceEvent {
  readonly event_id: string;
  readonly event_name: string;
  readonly external_customer_id: string;
  readonly timestamp: string;
  readonly source: string;
  readonly properties: { readonly context_tokens: number; readonly generated_tokens: number };
}

/** The customer's requests in file order, in batches. The id follows from the line, so that sending the trace again changes nothing. */
export async function* traceBatches(customer: TraceCustomer, size: number): AsyncGenerator<TraceEvent[]> {
  const rows = createReadStream(join(FOLDER, customer.file)).pipe(parse({ columns: true, skip_empty_lines: true })) as AsyncIterable<
    Record<'TIMESTAMP' | 'ContextTokens' | 'GeneratedTokens', string>
  >;
  let batch: TraceEvent[] = [];
  let line = 0;
  for await (const row of rows) {
    line += 1;
    batch.push({
      event_id: `${customer.externalId}-${String(line).padStart(5, '0')}`,
      event_name: TRACE_EVENT,
      external_customer_id: customer.externalId,
      timestamp: `${row.TIMESTAMP.replace(' ', 'T')}Z`,
      source: 'azure-llm-trace-2023',
      properties: { context_tokens: Number(row.ContextTokens), generated_tokens: Number(row.GeneratedTokens) },
    });
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
