import { permits } from '#access/domain/roles.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Right } from '#kernel/permission.ts';

/** What an event's way leads past besides the event. */
const PASSED: readonly Right[] = ['read:Customer', 'read:Meter', 'read:Price', 'read:Subscription'];

/**
 * An event's way as far as the caller may read it: whoever reads events only sees the event, and of each stage how it ended, without the
 * customer, meters, prices and lines that were met there.
 */
export function shownTo(ctx: RequestContext, traced: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (PASSED.every((right) => permits(ctx, right))) return traced;
  const { failure_point: failure, ...stages } = traced.debug_tracker as Record<string, { readonly status?: unknown }>;
  return {
    ...(traced.event === undefined ? {} : { event: traced.event }),
    status: traced.status,
    acceptance: traced.acceptance,
    processed_events: [],
    debug_tracker: {
      ...Object.fromEntries(Object.entries(stages).map(([stage, { status }]) => [stage, { status }])),
      ...(failure === undefined ? {} : { failure_point: failure }),
    },
  };
}
