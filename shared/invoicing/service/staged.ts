import type { Period } from '#kernel/calendar/period.ts';
import type { Invoice, KeptStage } from '../domain/invoice.ts';
import type { StagedInvoice } from '../domain/pipeline.ts';
import type { Settlement } from '../domain/totals.ts';
import type { StageSubject } from './pipeline.ts';

/** The period of a subscription's invoice. */
export function periodOf({ id, periodStart, periodEnd }: Invoice): Period {
  if (periodStart === null || periodEnd === null) throw new Error(`invoice ${id} has no period`);
  return { start: periodStart, end: periodEnd };
}

/** What stages are told of an invoice that has a row. */
export function subjectOf(invoice: Invoice): StageSubject {
  const { id: invoiceId, customerId, subscriptionId, currency, billingReason } = invoice;
  return { invoiceId, customerId, subscriptionId, currency, billingReason, period: periodOf(invoice) };
}

/** What the invoice has besides its lines. */
export function settlementOf({ totalTax, adjustmentAmount, amountPaid }: Invoice): Settlement {
  return { totalTax, adjustmentAmount, amountPaid };
}

/** The records of the stages, with the ids of the lines that their steps are about. */
export function keptStages({ records }: Pick<StagedInvoice, 'records'>, lineIds: readonly string[]): KeptStage[] {
  return records.map(({ stage, steps }) => ({
    stage,
    steps: steps.map(({ line, ...step }) => ({ ...step, lineItemId: line === null ? null : (lineIds[line] ?? null) })),
  }));
}
