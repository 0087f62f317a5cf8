import { displayAmount } from '#kernel/money.ts';
import { decimal } from '#kernel/decimal.ts';
import type { Json } from './client.ts';

const bold = (text: string): string => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[22m` : text);
const dim = (text: string): string => (process.stdout.isTTY ? `\u001b[2m${text}\u001b[22m` : text);

const grouped = (number: number | string): string => String(number).replace(/\B(?=(\d{3})+(?!\d))/g, ',');

/** The usage of each customer, as a table. */
export function usageReport(rows: readonly { customer: string; requests: number; input: number; output: number }[]): string {
  const line = (customer: string, requests: string, input: string, output: string) =>
    `  ${customer.padEnd(14)}${requests.padStart(10)}${input.padStart(15)}${output.padStart(15)}`;
  return [
    bold(line('Usage', 'requests', 'input tokens', 'output tokens')),
    ...rows.map((row) => line(row.customer, grouped(row.requests), grouped(row.input), grouped(row.output))),
  ].join('\n');
}

/** One invoice with its lines: what was used, what of it is billed, and what that costs. */
export function invoiceReport(customer: string, invoice: Json): string {
  const money = (amount: string) => displayAmount(decimal(amount), invoice.currency);
  const lines = (invoice.line_items as Json[]).map(
    (line) =>
      `    ${String(line.display_name).padEnd(16)}${dim(quantityOf(line).padStart(34))}${money(decimal(line.amount).toFixed(2)).padStart(12)}`,
  );
  const period = `${String(invoice.period_start).slice(0, 10)} to ${String(invoice.period_end).slice(0, 10)}`;
  return [
    bold(`  ${invoice.invoice_number}  ${customer}`) + dim(`  ${period}`),
    ...lines,
    `    ${'Total'.padEnd(50)}${bold(money(decimal(invoice.total).toFixed(2)).padStart(12))}`,
  ].join('\n');
}

function quantityOf(line: Json): string {
  const used = line.calculation?.quantity_before_entitlement ?? line.quantity;
  return decimal(used).eq(line.quantity) ? grouped(used) : `${grouped(used)} used, ${grouped(line.quantity)} billed`;
}
