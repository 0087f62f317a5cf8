import type { DateTime } from 'luxon';
import { usageQuestions } from '#charges/domain/usage-charges.ts';
import { publish } from '#platform/resource/publish.ts';
import { invoiceEvents } from '../events.ts';
import { shownInvoice } from '../domain/invoice.ts';
import type { RequestContext } from '#kernel/context.ts';
import { DomainError, invalidOperation } from '#kernel/errors.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { chargesStage } from '../domain/charge-lines.ts';
import { computedUntil, dueAt, type StoredEvents, waitingForLog, whatIsMissing } from '../domain/computation.ts';
import { type Invoice, type KeptStage, referencePointOf } from '../domain/invoice.ts';
import { emptyInvoice, hasUsage, isEmpty, type PreparedStage } from '../domain/pipeline.ts';
import { INVOICE_STATES } from '../domain/states.ts';
import { type InvoiceChange, invoiceRepository } from '../repository/invoices.ts';
import { lineRepository } from '../repository/lines.ts';
import type { BillingDependencies } from './dependencies.ts';
import { finalFields } from './finalize.ts';
import { type GatheredBasis, type GatheredInputs, gatherBasis, type InvoiceScope, readInputs } from './gather.ts';
import { applyMoment } from './pipeline.ts';
import { keptStages, periodOf, settlementOf, subjectOf } from './staged.ts';
import { writeLines } from './write-lines.ts';

const ATTEMPTS = 5;

/** Whether the computation finalizes the invoice as well: never, when its wait for late usage is over, or whatever the wait. */
export type Finalizing = 'never' | 'when_due' | 'now';

/**
 * Computes a subscription's draft or skipped invoice, and finalizes it where that is asked for. Two transactions: inputs are gathered
 * without a lock, and the result is written under it, all at once. Any number of times gives the same lines and totals (billing.md 5.1),
 * and a time that finds nothing new leaves the version alone and publishes nothing. An invoice that is final already stays as it is; for one that has changed
 * meanwhile the inputs are gathered again, so that what is old never replaces what is younger. Nothing happens unless `when` says so.
 * Throws `version_conflict` when it changes again and again, `invalid_operation` when there is nothing to bill `now`.
 */
export async function computeDraft(
  dependencies: BillingDependencies,
  ctx: RequestContext,
  id: string,
  finalizing: Finalizing,
  when: (invoice: Invoice) => boolean = () => true,
): Promise<Invoice> {
  const { database } = dependencies;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const found = await database.withTenant(ctx, async (tx) => {
      const read = await invoiceRepository.get(tx, id);
      const isWanted = isComputable(read) && when(read);
      return { read, gathered: isWanted ? await gatherBasis(dependencies, { ...ctx, transaction: tx }, scopeOf(read)) : null };
    });
    const { read } = found;
    if (found.gathered === null) {
      if (finalizing === 'now') INVOICE_STATES.next(read.invoiceStatus, 'finalize', read);
      return read;
    }
    // Before usage is read: what is stored by then counts in it.
    const stored = await storedEvents(dependencies, ctx, read, found.gathered, finalizing);
    const inputs = await readInputs(dependencies, ctx, found.gathered);
    const invoice = await database.withTenant(ctx, async (tx) => {
      const locked = await invoiceRepository.lock(tx, id);
      if (!isComputable(locked)) {
        if (finalizing === 'now') INVOICE_STATES.next(locked.invoiceStatus, 'finalize', locked);
        return locked;
      }
      const isAsRead = locked.version === read.version && locked.computations === read.computations;
      return isAsRead ? writeComputed(tx, ctx, dependencies, locked, { ...inputs, stored }, finalizing) : null;
    });
    if (invoice !== null) return invoice;
  }
  throw new DomainError('version_conflict', 'the invoice is being changed by others, try again', { id });
}

function isTimeTo(finalizing: Finalizing, due: DateTime, now: DateTime): boolean {
  return finalizing === 'now' || (finalizing === 'when_due' && due <= now);
}

/** How far the events that an invoice may hold are stored; null where it holds none, or is not about to be final. */
async function storedEvents(
  { delivery, clock, finalizationDelaySeconds }: BillingDependencies,
  ctx: RequestContext,
  { firstComputedAt, periodEnd }: Invoice,
  { basis }: GatheredBasis,
  finalizing: Finalizing,
): Promise<StoredEvents | null> {
  const now = clock.now();
  const isDue = isTimeTo(finalizing, dueAt(firstComputedAt ?? now, true, finalizationDelaySeconds), now);
  return isDue && usageQuestions(basis).length > 0 ? delivery.of(ctx, periodEnd !== null && periodEnd < now ? periodEnd : now) : null;
}

/** Whether what an invoice holds follows from its subscription, and not from what somebody wrote into it. */
export function isComputed({ subscriptionId, billingReason, isManuallyEdited }: Invoice): boolean {
  return subscriptionId !== null && referencePointOf(billingReason) !== null && !isManuallyEdited;
}

function isComputable(invoice: Invoice): boolean {
  return INVOICE_STATES.allows(invoice.invoiceStatus, 'compute') && isComputed(invoice);
}

function scopeOf(invoice: Invoice): InvoiceScope {
  const { subscriptionId } = invoice;
  const referencePoint = referencePointOf(invoice.billingReason);
  if (subscriptionId === null || referencePoint === null) throw new Error(`invoice ${invoice.id} is not computed`);
  return { subscriptionId, referencePoint, period: periodOf(invoice) };
}

async function writeComputed(
  tx: TenantTransaction,
  ctx: RequestContext,
  dependencies: BillingDependencies,
  locked: Invoice,
  { basis, usage, stored }: GatheredInputs & { readonly stored: StoredEvents | null },
  finalizing: Finalizing,
): Promise<Invoice> {
  const { clock, pipeline, finalizationDelaySeconds } = dependencies;
  const now = clock.now();
  const invoiced = await lineRepository.invoiced(tx, { subscriptionId: basis.subscription.id, except: locked.id, ...basis.period });
  const prepared: readonly PreparedStage[] = [
    chargesStage({ ...basis, usage, invoiced }),
    ...(await pipeline.prepare(tx, ctx, subjectOf(locked), ['draft', 'final'])),
  ];
  const draft = applyMoment(emptyInvoice(locked.currency, settlementOf(locked)), prepared, 'draft');
  const firstComputedAt = locked.firstComputedAt ?? now;
  const due = dueAt(firstComputedAt, hasUsage(draft), finalizationDelaySeconds);
  const isDue = isTimeTo(finalizing, due, now);
  const missing = isDue && stored && whatIsMissing(stored, { periodEnd: locked.periodEnd, due: finalizing === 'now' ? null : due });
  if (missing && finalizing === 'now') throw invalidOperation(`${missing}; try again`, { id: locked.id, retry_after_seconds: 10 });
  const isOver = isDue && !missing;
  // Usage that is still on its way counts: there is nothing to bill only when the wait for it is over.
  const isSkipped = isOver && isEmpty(draft);
  if (isSkipped && finalizing === 'now')
    throw invalidOperation('there is nothing to bill', { id: locked.id, invoice_status: locked.invoiceStatus });
  const isFinal = isOver && !isSkipped;
  const made = isFinal ? applyMoment(draft, prepared, 'final') : draft;

  const lines = await writeLines(tx, clock, locked.id, made.lines);
  const change: InvoiceChange = {
    ...made.totals,
    stages: keptStages(made, lines.ids),
    invoiceStatus: INVOICE_STATES.next(locked.invoiceStatus, isSkipped ? 'skip' : 'compute', locked),
    firstComputedAt,
    updatedAt: now,
  };
  const computation = missing ? waitingForLog(locked, missing, now) : computedUntil(isOver ? null : due);
  if (missing) dependencies.onWaiting();
  const computations = locked.computations + 1;
  // That it waits, and for how long, is no news to those who are told of changes.
  if (!isFinal && lines.isUnchanged && saysTheSame(locked, missing ? change : { ...change, ...computation }))
    return (await invoiceRepository.noteComputation(tx, locked.id, { ...computation, computations })) ?? locked;
  const final = isFinal ? await finalFields(tx, { ...locked, ...change }, made.totals, now, basis.subscription) : {};
  const invoice = await invoiceRepository.update(tx, locked, { ...change, ...computation, lastComputedAt: now, computations, ...final });
  if (isFinal) await pipeline.settle(tx, ctx, invoice, made);
  await publish(tx, clock, isFinal ? invoiceEvents.finalized : invoiceEvents.updated, shownInvoice(invoice));
  return invoice;
}

/** Whether a row says all of this already: totals, state, and how far its computation is. */
function saysTheSame(invoice: Invoice, { updatedAt: _, stages, ...change }: InvoiceChange): boolean {
  const text = (value: unknown): string | undefined => JSON.stringify(value);
  return (
    Object.entries(change).every(([field, value]) => text(invoice[field as keyof Invoice]) === text(value)) &&
    text(invoice.stages.map(({ stage, steps }) => [stage, steps.map(stepText)])) ===
      text(stages?.map(({ stage, steps }) => [stage, steps.map(stepText)]))
  );
}

function stepText({ source, lineItemId, base, amount, terms }: KeptStage['steps'][number]): unknown {
  return [source.type, source.id, lineItemId, String(base), String(amount), Object.entries(terms).sort()];
}
