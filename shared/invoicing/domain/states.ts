import { transitions } from '#kernel/transitions.ts';
import type { InvoiceStatus, PaymentStatus } from './invoice.ts';

/**
 * What may be done with an invoice (billing.md 5.1). `compute` finds lines, `skip` finds nothing to bill: a SKIPPED invoice can be
 * computed again, as usage may have arrived since.
 */
export const INVOICE_STATES = transitions<InvoiceStatus, 'compute' | 'skip' | 'finalize' | 'void'>({
  entity: 'invoice',
  field: 'invoice_status',
  operations: { compute: 'computed', skip: 'skipped', finalize: 'finalized', void: 'voided' },
  table: {
    DRAFT: { compute: 'DRAFT', skip: 'SKIPPED', finalize: 'FINALIZED', void: 'VOIDED' },
    FINALIZED: { void: 'VOIDED' },
    SKIPPED: { compute: 'DRAFT', skip: 'SKIPPED', void: 'VOIDED' },
    VOIDED: {},
  },
});

/**
 * What the payment of an invoice allows (billing.md 5.3). `settle`: nothing is to be paid. Voiding leaves the payment as it is, and
 * waits for money that is on its way.
 */
export const PAYMENT_STATES = transitions<PaymentStatus, 'settle' | 'void'>({
  entity: 'payment of an invoice',
  field: 'payment_status',
  operations: { settle: 'settled', void: 'voided' },
  table: {
    INITIATED: {},
    PENDING: { settle: 'SUCCEEDED', void: 'PENDING' },
    PROCESSING: {},
    SUCCEEDED: { settle: 'SUCCEEDED', void: 'SUCCEEDED' },
    OVERPAID: { void: 'OVERPAID' },
    FAILED: { settle: 'SUCCEEDED', void: 'FAILED' },
    REFUNDED: {},
    PARTIALLY_REFUNDED: { void: 'PARTIALLY_REFUNDED' },
    VOIDED: {},
  },
});
