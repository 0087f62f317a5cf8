// What the demonstration must come to, from the trace files alone: text, whole numbers, nothing of the product.
// `node test/e2e/expected-demo.ts` prints it.
import { readFileSync } from 'node:fs';

/** Prices of the plan "LLM API" in micro-dollars each, and the requests that it includes. */
const INPUT_TOKEN = 3n;
const OUTPUT_TOKEN = 15n;
const REQUEST = 400n;
const INCLUDED_REQUESTS = 5_000n;
const MICROS_PER_CENT = 10_000n;

/** One line of an invoice: what was used, what of it is billed, and the exact and the rounded amount in dollars. */
export interface ExpectedLine {
  readonly used: string;
  readonly billed: string;
  readonly unitAmount: string;
  readonly exact: string;
  readonly amount: string;
  readonly shown: string;
}
export interface ExpectedCustomer {
  readonly requests: number;
  readonly input: ExpectedLine;
  readonly output: ExpectedLine;
  readonly request: ExpectedLine;
  readonly total: string;
}

/** Counts one file of the trace: a header, then `time,context tokens,generated tokens` per request. */
export function expectedOf(file: 'code' | 'conv'): ExpectedCustomer {
  const text = readFileSync(new URL(`../../examples/llm-trace/AzureLLMInferenceTrace_${file}.csv`, import.meta.url), 'utf8');
  const rows = text
    .split('\n')
    .slice(1)
    .map((row) => row.trim())
    .filter((row) => row !== '')
    .map((row) => row.split(','));
  const sum = (column: number): bigint => rows.reduce((total, row) => total + BigInt(row[column] as string), 0n);
  const requests = BigInt(rows.length);
  const [input, output, request] = [
    line(sum(1), 0n, INPUT_TOKEN),
    line(sum(2), 0n, OUTPUT_TOKEN),
    line(requests, INCLUDED_REQUESTS, REQUEST),
  ] as const;
  return {
    requests: rows.length,
    input: input.line,
    output: output.line,
    request: request.line,
    total: dollars(input.micros + output.micros + request.micros),
  };
}

/** Every line is rounded to cents on its own, halves away from zero. */
function line(used: bigint, included: bigint, price: bigint): { line: ExpectedLine; micros: bigint } {
  const billed = used > included ? used - included : 0n;
  const exact = billed * price;
  const cents = (exact + MICROS_PER_CENT / 2n) / MICROS_PER_CENT;
  const micros = cents * MICROS_PER_CENT;
  return {
    line: {
      used: String(used),
      billed: String(billed),
      unitAmount: dollars(price),
      exact: dollars(exact),
      amount: dollars(micros),
      shown: `${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`,
    },
    micros,
  };
}

/** Micro-dollars as a decimal number without needless zeros. */
function dollars(micros: bigint): string {
  return `${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, '0')}`.replace(/\.?0+$/, '');
}

if (import.meta.main) process.stdout.write(`${JSON.stringify({ 'code-assist': expectedOf('code'), chat: expectedOf('conv') }, null, 2)}\n`);
