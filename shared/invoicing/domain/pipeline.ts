import { type Decimal, sum, ZERO } from '#kernel/decimal.ts';
import { roundToCurrency } from '#kernel/money.ts';
import type { InvoiceLine } from './invoice.ts';
import { type InvoiceTotals, invoiceTotals, type Settlement, UNSETTLED } from './totals.ts';

/** The stages of an invoice, in the order in which they are applied (billing.md 5.2). */
export const STAGES = ['charges', 'line_discounts', 'invoice_discounts', 'credits', 'taxes', 'totals'] as const;
export type StageName = (typeof STAGES)[number];

/**
 * Which stages run when. A draft has its discounts; credits and taxes come when it is finalized, as credits are debited then
 * (billing.md 5.1). A preview shows taxes, and takes no credits.
 */
export const STAGES_OF = {
  draft: ['charges', 'line_discounts', 'invoice_discounts', 'totals'],
  preview: ['charges', 'line_discounts', 'invoice_discounts', 'taxes', 'totals'],
  final: ['credits', 'taxes', 'totals'],
} as const satisfies Readonly<Record<string, readonly StageName[]>>;
export type Moment = keyof typeof STAGES_OF;

type Assigned = 'id' | 'invoiceId' | 'tenantId' | 'environmentId' | 'status' | 'createdAt' | 'updatedAt' | 'createdBy' | 'updatedBy';
/** A line as stages see it, with or without an identity. */
export type StagedLine = Omit<InvoiceLine, Assigned>;

/** One thing that a stage did: who took or added how much, and of what. Together they explain the stage's amounts. */
export interface StageStep {
  /** `{ type: 'coupon', id: 'coupon_01J..' }` */
  readonly source: { readonly type: string; readonly id: string };
  /** Index of the line; null for what is about the whole invoice, as taxes are. */
  readonly line: number | null;
  readonly base: Decimal;
  /** Rounded to the currency; above zero whether the stage takes it off or puts it on. */
  readonly amount: Decimal;
  /** What else it was made from: `{ percentage: '10' }`. */
  readonly terms: Readonly<Record<string, string>>;
}

export interface StageRecord {
  readonly stage: StageName;
  readonly steps: readonly StageStep[];
}

/** An invoice while it is made. */
export interface StagedInvoice {
  readonly currency: string;
  readonly lines: readonly StagedLine[];
  readonly settlement: Settlement;
  readonly totals: InvoiceTotals;
  /** What the stages did so far, one record for each that did something. */
  readonly records: readonly StageRecord[];
}

/** A stage with its inputs: a function of the invoice alone. */
export interface PreparedStage {
  readonly name: StageName;
  apply(invoice: StagedInvoice): StagedInvoice;
}

/** An invoice without lines, with what stands besides them. */
export function emptyInvoice(currency: string, settlement: Settlement = UNSETTLED): StagedInvoice {
  return { currency, lines: [], settlement, totals: invoiceTotals([], settlement), records: [] };
}

/**
 * Applies stages in the order of `STAGES`, whatever theirs. Each sees the invoice without what it had done before. The same stages on the
 * same invoice make the same one, byte for byte.
 */
export function applyStages(invoice: StagedInvoice, stages: readonly PreparedStage[]): StagedInvoice {
  return STAGES.flatMap((name) => stages.filter((stage) => stage.name === name)).reduce(
    (before, stage) => stage.apply(without(before, stage.name)),
    invoice,
  );
}

/** The part of a line that a stage may lower. */
const PART_OF = {
  line_discounts: 'lineItemDiscount',
  invoice_discounts: 'invoiceLevelDiscount',
  credits: 'prepaidCreditsApplied',
} as const satisfies Partial<Record<StageName, keyof StagedLine>>;
export type DeductingStage = keyof typeof PART_OF;

/** What is left of a line to deduct from. */
export function leftOf({ amount, lineItemDiscount, invoiceLevelDiscount, prepaidCreditsApplied }: StagedLine): Decimal {
  return amount.minus(lineItemDiscount).minus(invoiceLevelDiscount).minus(prepaidCreditsApplied);
}

/**
 * The invoice with what a stage deducts from its lines. The amounts are the sums of the steps, so that the explanation cannot differ from
 * them. Throws RangeError for a step that is not rounded, negative, of no line, or more than the line has left.
 */
export function withDeductions(invoice: StagedInvoice, stage: DeductingStage, steps: readonly StageStep[]): StagedInvoice {
  const byLine = Map.groupBy(steps, ({ line }) => line);
  for (const step of steps) requireAmount(invoice, stage, step);
  const lines = invoice.lines.map((line, index): StagedLine => {
    const own = byLine.get(index);
    if (own === undefined) return line;
    byLine.delete(index);
    const deducted = sum(own.map(({ amount }) => amount));
    if (deducted.gt(leftOf(line))) throw new RangeError(`${stage} take more than line ${index} has left`);
    return { ...line, [PART_OF[stage]]: deducted };
  });
  if (byLine.size > 0) throw new RangeError(`${stage} are about lines that the invoice does not have`);
  return { ...invoice, lines, records: recorded(invoice, stage, steps) };
}

/** The invoice with its taxes. Throws RangeError for a step that is not rounded or negative. */
export function withTaxes(invoice: StagedInvoice, steps: readonly StageStep[]): StagedInvoice {
  for (const step of steps) requireAmount(invoice, 'taxes', step);
  const totalTax = sum(steps.map(({ amount }) => amount));
  return { ...invoice, settlement: { ...invoice.settlement, totalTax }, records: recorded(invoice, 'taxes', steps) };
}

/** The last stage: one function adds up whatever the others made (billing.md 5.2.6). */
export const TOTALS: PreparedStage = {
  name: 'totals',
  apply: (invoice) => ({ ...invoice, totals: invoiceTotals(invoice.lines, invoice.settlement) }),
};

function requireAmount({ currency }: StagedInvoice, stage: StageName, { amount }: StageStep): void {
  if (amount.isNegative()) throw new RangeError(`a step of ${stage} is negative`);
  if (!amount.eq(roundToCurrency(amount, currency))) throw new RangeError(`a step of ${stage} is not rounded to ${currency}`);
}

function recorded({ records }: StagedInvoice, stage: StageName, steps: readonly StageStep[]): readonly StageRecord[] {
  return steps.length === 0 ? records : [...records, { stage, steps }];
}

function without(invoice: StagedInvoice, stage: StageName): StagedInvoice {
  const records = invoice.records.filter((record) => record.stage !== stage);
  if (stage === 'taxes') return { ...invoice, records, settlement: { ...invoice.settlement, totalTax: ZERO } };
  const part = stage in PART_OF ? PART_OF[stage as DeductingStage] : null;
  return part === null ? invoice : { ...invoice, records, lines: invoice.lines.map((line) => ({ ...line, [part]: ZERO })) };
}

/** Nothing to bill: no line is above zero before discounts and credits (ruling 67). The lines still say why. */
export function isEmpty({ lines }: Pick<StagedInvoice, 'lines'>): boolean {
  return !lines.some(({ amount }) => amount.gt(0));
}

/** Whether usage is in the invoice: events that arrive late can still change it. */
export function hasUsage({ lines }: Pick<StagedInvoice, 'lines'>): boolean {
  return lines.some(({ priceType }) => priceType === 'USAGE');
}
