import { DateTime } from 'luxon';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Overflow } from '#platform/event-log/overflow.ts';
import type { Backlog } from './backlog.ts';

/** How far what was accepted is stored. */
export interface Delivery {
  /** What the look speaks of: what was accepted until then. Up to `settleSeconds` of the overflow before now. */
  readonly asOf: DateTime;
  /** All that an environment's senders had accepted before it is stored, and counts. Null: not known how far. */
  readonly storedUntil: DateTime | null;
  /** What is still on its way, for people; null where nothing is. */
  readonly onItsWay: string | null;
}

/** What one look at overflow and log showed, for all environments. */
interface Look {
  /** What it speaks of: everything that was accepted before. */
  readonly asOf: DateTime;
  readonly isOverflowUsed: boolean;
  readonly backlog: Backlog;
}

/** One look serves all who ask within it. */
const REMEMBERED_MS = 2_000;

export interface DeliveryDependencies {
  readonly backlog: () => Promise<Backlog>;
  readonly overflow: () => Promise<Pick<Overflow, 'isEmpty' | 'settleSeconds'>>;
  readonly clock: Clock;
}
export type DeliveryService = ReturnType<typeof createDelivery>;

/** Says until when everything is stored that was accepted. Throws `service_unavailable` where log or overflow do not answer: what is not known is not delivered. */
export function createDelivery({ backlog, overflow, clock }: DeliveryDependencies) {
  let remembered: { readonly at: DateTime; readonly look: Promise<Look> } | undefined;

  const look = async (at: DateTime): Promise<Look> => {
    const { isEmpty, settleSeconds } = await overflow();
    // In this order: what leaves the overflow after this question is in the log before the next one.
    const isOverflowUsed = !(await isEmpty());
    return { asOf: at.minus({ seconds: settleSeconds }), isOverflowUsed, backlog: await backlog() };
  };

  /** A look that is not older than `atLeast`, where there is one of the last moments. */
  const recent = (atLeast: DateTime): Promise<Look> => {
    const now = clock.now();
    if (remembered !== undefined && remembered.at >= atLeast && now.diff(remembered.at).toMillis() < REMEMBERED_MS) return remembered.look;
    const asked = { at: now, look: look(now) };
    remembered = asked;
    asked.look.catch(() => {
      if (remembered === asked) remembered = undefined;
    });
    return asked.look;
  };

  return {
    /**
     * How far the events of the caller's environment are stored, by a look that was taken at `atLeast` or later.
     *
     *     await delivery.of(ctx, periodEnd)   // -> { asOf: 00:00:07, storedUntil: 00:00:07, onItsWay: null }: nothing waits
     */
    async of(ctx: RequestContext, atLeast: DateTime): Promise<Delivery> {
      const { asOf, isOverflowUsed, backlog } = await recent(atLeast);
      if (isOverflowUsed) return { asOf, storedUntil: null, onItsWay: 'events in the overflow, which the event log has not taken yet' };
      if (!backlog.isComplete) return { asOf, storedUntil: null, onItsWay: 'the event log holds more than one look covers' };
      const own = backlog.own(ctx);
      if (own === undefined) return { asOf, storedUntil: asOf, onItsWay: null };
      const storedUntil = DateTime.min(asOf, DateTime.fromMillis(own.oldest, { zone: 'utc' }));
      return { asOf, storedUntil, onItsWay: `${own.events} event${own.events === 1 ? '' : 's'} in the event log` };
    },
  };
}
