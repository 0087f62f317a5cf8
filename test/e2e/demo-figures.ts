import { type ExpectedCustomer, expectedOf } from './expected-demo.ts';

/** The customers of the demonstration: what the trace files come to, and the figures that the product promises. */
export const DEMO_CUSTOMERS = [
  {
    id: 'code-assist',
    name: 'Code Assist',
    expected: expectedOf('code'),
    literal: { requests: 8_819, input: '54.18', output: '3.69', request: '1.53', total: '59.40' },
  },
  {
    id: 'chat',
    name: 'Chat',
    expected: expectedOf('conv'),
    literal: { requests: 19_366, input: '67.09', output: '61.33', request: '5.75', total: '134.17' },
  },
] as const;

/** What the plan meters, in the order of the invoice's lines. */
export const DEMO_METERED = [
  { key: 'llm-input-tokens', display: 'Input tokens', field: 'input', usage: { aggregation_type: 'SUM', property_name: 'context_tokens' } },
  {
    key: 'llm-output-tokens',
    display: 'Output tokens',
    field: 'output',
    usage: { aggregation_type: 'SUM', property_name: 'generated_tokens' },
  },
  { key: 'llm-requests', display: 'Requests', field: 'request', usage: { aggregation_type: 'COUNT' } },
] as const;

export interface LineFigures {
  readonly display_name: string;
  readonly amount: string;
  readonly quantity: string;
}

/** What an invoice's usage lines say, without identity and history. */
export function linesOf(invoice: { readonly line_items: readonly LineFigures[] }): LineFigures[] {
  return invoice.line_items.map(({ display_name, amount, quantity }) => ({ display_name, amount, quantity }));
}

export function expectedLines(expected: ExpectedCustomer): LineFigures[] {
  return DEMO_METERED.map(({ display, field }) => ({
    display_name: display,
    amount: expected[field].amount,
    quantity: expected[field].billed,
  }));
}
