import type { RequestContext } from '#kernel/context.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { BillingReason, Invoice } from '../domain/invoice.ts';
import {
  applyStages,
  type Moment,
  type PreparedStage,
  type StagedInvoice,
  type StageName,
  STAGES,
  STAGES_OF,
  type StageStep,
  TOTALS,
} from '../domain/pipeline.ts';

/** What an invoice is about, for those who look up what applies to it. */
export interface StageSubject {
  /** Null for a preview. */
  readonly invoiceId: string | null;
  readonly customerId: string;
  readonly subscriptionId: string | null;
  readonly currency: string;
  readonly period: Period;
  readonly billingReason: BillingReason | null;
}

/** A stage of the invoice, given by the module that owns the discount, credit or tax. */
export interface Stage<Inputs> {
  readonly name: Exclude<StageName, 'charges' | 'totals'>;
  /** Reads all that the stage depends on. It runs before any stage is applied, in the transaction that writes the invoice. */
  gather(tx: TenantTransaction, ctx: RequestContext, subject: StageSubject): Promise<Inputs>;
  /** Pure: makes the invoice with `withDeductions` or `withTaxes`. */
  apply(invoice: StagedInvoice, inputs: Inputs): StagedInvoice;
  /** What becomes true with the final invoice, in its transaction: credits are debited, a coupon's use is counted. */
  settle?(tx: TenantTransaction, ctx: RequestContext, invoice: Invoice, steps: readonly StageStep[]): Promise<void>;
}

/** A stage of any kind, for lists. */
export interface AnyStage {
  readonly name: StageName;
  prepare(tx: TenantTransaction, ctx: RequestContext, subject: StageSubject): Promise<PreparedStage>;
  settle(tx: TenantTransaction, ctx: RequestContext, invoice: Invoice, steps: readonly StageStep[]): Promise<void>;
}

/** Hides the type of a stage's inputs, which only the stage itself knows. */
export function stage<Inputs>(definition: Stage<Inputs>): AnyStage {
  return {
    name: definition.name,
    async prepare(tx, ctx, subject) {
      const inputs = await definition.gather(tx, ctx, subject);
      return { name: definition.name, apply: (invoice) => definition.apply(invoice, inputs) };
    },
    settle: async (...final) => definition.settle?.(...final),
  };
}

/** Runs the stages that modules give. A stage that none gives lets the invoice pass. */
export interface Pipeline {
  /** Gathers for the stages of these moments, in their order, but not for charges, which the caller brings. */
  prepare(tx: TenantTransaction, ctx: RequestContext, subject: StageSubject, moments: readonly Moment[]): Promise<PreparedStage[]>;
  /** Lets each stage do what the final invoice makes true. */
  settle(tx: TenantTransaction, ctx: RequestContext, invoice: Invoice, made: Pick<StagedInvoice, 'records'>): Promise<void>;
}

/** Throws when two modules give the same stage. */
export function createPipeline(given: readonly AnyStage[]): Pipeline {
  const byName = new Map<StageName, AnyStage>();
  for (const each of given) {
    if (byName.has(each.name)) throw new Error(`two modules give the stage ${each.name}`);
    byName.set(each.name, each);
  }
  return {
    async prepare(tx, ctx, subject, moments) {
      const wanted = new Set<StageName>(moments.flatMap((moment) => STAGES_OF[moment]));
      const prepared: PreparedStage[] = [TOTALS];
      for (const name of STAGES) {
        const found = byName.get(name);
        if (found !== undefined && wanted.has(name)) prepared.push(await found.prepare(tx, ctx, subject));
      }
      return prepared;
    },
    async settle(tx, ctx, invoice, { records }) {
      for (const { stage: name, steps } of records) await byName.get(name)?.settle(tx, ctx, invoice, steps);
    },
  };
}

/** Applies those of the prepared stages that belong to a moment. */
export function applyMoment(invoice: StagedInvoice, prepared: readonly PreparedStage[], moment: Moment): StagedInvoice {
  const names: readonly StageName[] = STAGES_OF[moment];
  return applyStages(
    invoice,
    prepared.filter(({ name }) => names.includes(name)),
  );
}
