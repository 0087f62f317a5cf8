import { DateTime } from 'luxon';
import type { Clock } from '#kernel/clock.ts';
import { environmentKey, systemContext } from '#kernel/context.ts';
import { unavailable } from '#kernel/errors.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { currentActivity } from '#platform/workflows/activity-context.ts';
import { enqueueJob, type JobStart } from '#platform/workflows/enqueue.ts';
import type { SubscriptionService } from '#subscriptions/service/subscription.ts';
import type { BillingCycleActivities } from '../jobs/billing-cycle.ts';
import type { BillingSweepActivities, SweepPage } from '../jobs/billing-sweep.ts';
import type { InvoiceService } from './invoice.ts';

export interface BillingActivityDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly subscriptions: SubscriptionService;
  readonly invoices: InvoiceService;
  /** Rows of one page of the sweep. */
  readonly pageSize: number;
}
export type BillingActivities = BillingCycleActivities & BillingSweepActivities;

interface Due {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly start: JobStart;
}

/** What the jobs of billing do: calls of services, in the tenant that the input names. Each may be repeated. */
export function createBillingActivities({
  database,
  clock,
  subscriptions,
  invoices,
  pageSize,
}: BillingActivityDependencies): BillingActivities {
  const contextOf = ({ tenantId, environmentId }: { tenantId: string; environmentId: string }) =>
    systemContext(tenantId, environmentId, currentActivity()?.workflowId ?? 'billing');

  /**
   * The outbox starts the jobs: one transaction per environment, and a row that is there twice starts one job. `admit` answers which of them
   * may be started.
   */
  const startAll = async <Row extends Due>(
    due: readonly Row[],
    admit: (tx: TenantTransaction, own: readonly Row[]) => Promise<readonly Row[]> = async (_, own) => own,
  ): Promise<void> => {
    for (const environment of Map.groupBy(due, environmentKey).values()) {
      await database.withTenant(contextOf(environment[0] as Row), async (tx) => {
        for (const { start } of await admit(tx, environment)) await enqueueJob(tx, clock, start);
      });
    }
  };

  const pageOf = (rows: readonly { readonly id: string }[], time: string | null | undefined): SweepPage => {
    const last = rows.at(-1);
    return { started: rows.length, next: last !== undefined && time && rows.length === pageSize ? { time, id: last.id } : null };
  };

  return {
    closePeriod: async (input) => {
      const due = input.periodEnd === undefined ? null : DateTime.fromISO(input.periodEnd, { zone: 'utc' });
      const closed = await subscriptions.closePeriod(contextOf(input), input.subscriptionId, due);
      // Results are kept in the workflow's history: the id says all.
      return closed === null ? null : { invoiceId: closed.invoiceId };
    },

    processInvoice: async (input) => {
      const { invoice, failure } = await invoices.process(contextOf(input), input.invoiceId);
      const { invoiceStatus, nextAttemptAt } = invoice;
      // Done without having done anything would use up the id of this job, and with it the draft's only way to its end.
      if (invoiceStatus === 'DRAFT' && input.dueAt !== undefined && nextAttemptAt?.toISO() === input.dueAt)
        throw unavailable('clock', new Error(`invoice ${input.invoiceId} is not due by the clock of this process`));
      return { invoiceStatus, failure };
    },

    startBillingCycles: async ({ after }) => {
      const rows = await subscriptions.due(after, pageSize);
      // A catch-up moves the end on with each period: its subscription is in hand until it is done, and no sweep starts it again.
      await startAll(
        rows.map(({ id, tenantId, environmentId, currentPeriodEnd }) => ({
          id,
          tenantId,
          environmentId,
          start: {
            job: 'billing-cycle',
            workflowId: `billing-cycle-${id}-${currentPeriodEnd.toMillis()}`,
            input: { tenantId, environmentId, subscriptionId: id, periodEnd: currentPeriodEnd.toISO() },
          },
        })),
        async (tx, own) => {
          const taken = await subscriptions.takeCycles(
            tx,
            own.map(({ id }) => id),
          );
          return own.filter(({ id }) => taken.has(id));
        },
      );
      return pageOf(rows, rows.at(-1)?.currentPeriodEnd.toISO());
    },

    startStrandedDrafts: async ({ after }) => {
      const rows = await invoices.unfinished(after, pageSize);
      await startAll(
        rows.map(({ id, tenantId, environmentId, nextAttemptAt }) => ({
          tenantId,
          environmentId,
          start: {
            job: 'process-invoice',
            // Each try moves the time of the next one on, or is the last.
            workflowId: `process-invoice-${id}-${nextAttemptAt?.toMillis()}`,
            input: { tenantId, environmentId, invoiceId: id, dueAt: nextAttemptAt?.toISO() },
          },
        })),
      );
      return pageOf(rows, rows.at(-1)?.nextAttemptAt?.toISO());
    },
  };
}
