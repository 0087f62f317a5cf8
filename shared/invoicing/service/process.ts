import type { RequestContext } from '#kernel/context.ts';
import { DomainError } from '#kernel/errors.ts';
import { failedWith, needsWork } from '../domain/computation.ts';
import type { Invoice } from '../domain/invoice.ts';
import { invoiceRepository } from '../repository/invoices.ts';
import { computeDraft } from './compute.ts';
import type { BillingDependencies } from './dependencies.ts';

export interface ProcessedDraft {
  readonly invoice: Invoice;
  /** Why this try came to nothing; null when it did not. */
  readonly failure: 'failed' | 'engine_away' | null;
}

/**
 * Takes a draft whose time has come a step on: computes it when nobody has, and finalizes it when it has waited long enough, with the
 * usage that has arrived meanwhile. What keeps it from that is kept on the draft, with the time of the next try, and is no error here:
 * one draft that cannot be computed holds up nobody. On any other invoice it does nothing.
 */
export async function processDraft(dependencies: BillingDependencies, ctx: RequestContext, id: string): Promise<ProcessedDraft> {
  const { database, clock } = dependencies;
  try {
    const invoice = await computeDraft(dependencies, ctx, id, 'when_due', (read) => needsWork(read, clock.now()));
    return { invoice, failure: null };
  } catch (error) {
    // Others are at work on it, or it is not there: nothing is known about the draft itself.
    if (error instanceof DomainError && (error.code === 'version_conflict' || error.code === 'not_found')) throw error;
    const invoice = await database.withTenant(ctx, async (tx) => {
      const locked = await invoiceRepository.lock(tx, id);
      if (!needsWork(locked, clock.now())) return locked;
      const computation = failedWith(locked, error, clock.now());
      dependencies.onFailure(locked, computation, error);
      return (await invoiceRepository.noteComputation(tx, id, computation)) ?? locked;
    });
    return { invoice, failure: error instanceof DomainError && error.code === 'service_unavailable' ? 'engine_away' : 'failed' };
  }
}
