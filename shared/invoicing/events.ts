import { defineEvent } from '#platform/resource/events.ts';
import { InvoiceBase } from './contracts/invoice.ts';

/** An invoice without its lines: they are asked for by its id. */
export const invoiceEvents = {
  created: defineEvent('invoice.created', 'invoice', InvoiceBase),
  updated: defineEvent('invoice.update', 'invoice', InvoiceBase),
  finalized: defineEvent('invoice.update.finalized', 'invoice', InvoiceBase),
  voided: defineEvent('invoice.update.voided', 'invoice', InvoiceBase),
};
