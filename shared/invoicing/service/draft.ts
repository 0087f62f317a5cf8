import { publish } from '#platform/resource/publish.ts';
import { invoiceEvents } from '../events.ts';
import { shownInvoice } from '../domain/invoice.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { ZERO } from '#kernel/decimal.ts';
import { alreadyExists } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import { invoiceKey } from '../domain/idempotency-key.ts';
import type { BillingReason, Invoice } from '../domain/invoice.ts';
import { invoiceTotals } from '../domain/totals.ts';
import { invoiceRepository } from '../repository/invoices.ts';

export interface DraftRequest {
  readonly reason: BillingReason;
  readonly period: Period;
}

/**
 * An empty draft of a subscription's invoice, or the draft or skipped invoice that has its key already (billing.md 5.1).
 * Throws `already_exists` when the invoice is final. The caller holds the subscription's lock.
 */
export async function draftWithin(
  tx: TenantTransaction,
  ctx: RequestContext,
  clock: Clock,
  subscription: Subscription,
  { reason, period }: DraftRequest,
): Promise<Invoice> {
  const idempotencyKey = invoiceKey({
    tenantId: ctx.tenantId,
    environmentId: ctx.environmentId,
    customerId: subscription.customerId,
    subscriptionId: subscription.id,
    periodStart: period.start,
    periodEnd: period.end,
    billingReason: reason,
  });
  const existing = await invoiceRepository.byIdempotencyKey(tx, idempotencyKey);
  if (existing?.invoiceStatus === 'FINALIZED') throw alreadyExists('invoice', 'idempotency_key', existing.id);
  if (existing) return existing;
  const now = clock.now();
  const invoice = await invoiceRepository.insert(tx, {
    id: newId('inv', clock),
    customerId: subscription.customerId,
    subscriptionCustomerId: subscription.customerId,
    subscriptionId: subscription.id,
    invoiceType: 'SUBSCRIPTION',
    invoiceStatus: 'DRAFT',
    paymentStatus: 'PENDING',
    billingReason: reason,
    currency: subscription.currency,
    ...invoiceTotals([]),
    refundedAmount: ZERO,
    description: null,
    billingPeriod: subscription.billingPeriod,
    periodStart: period.start,
    periodEnd: period.end,
    dueDate: null,
    issueDate: null,
    paidAt: null,
    voidedAt: null,
    finalizedAt: null,
    firstComputedAt: null,
    lastComputedAt: null,
    computations: 0,
    computationState: 'pending',
    computationReason: null,
    computationAttempts: 0,
    nextAttemptAt: now,
    stages: [],
    invoiceNumber: null,
    billingSequence: (await invoiceRepository.countOf(tx, subscription.id)) + 1,
    idempotencyKey,
    isManuallyEdited: false,
    version: 1,
    metadata: {},
    createdAt: now,
    updatedAt: now,
  });
  await publish(tx, clock, invoiceEvents.created, shownInvoice(invoice));
  return invoice;
}
