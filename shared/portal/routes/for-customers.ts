import type { Route } from '#platform/http/route.ts';

/** Who of the tenant made or changed something. */
const SELLERS: ReadonlySet<string> = new Set(['created_by', 'updated_by']);
/** What an inherited subscription says of its parent, which is another customer's: which it is, and why that one has ended it. */
const PARENTS: ReadonlySet<string> = new Set(['parent_subscription_id', 'cancellation_reason']);
/** Maps whose keys are names of the customer's own events, or values that a plan gives. */
const VERBATIM: ReadonlySet<string> = new Set(['properties', 'config_value', 'config_values']);

/** A route of the portal: it takes a session and nothing else, and its answer holds nothing of the tenant's own. */
export function forCustomers(route: Route): Route {
  return {
    ...route,
    tag: 'Customer Portal',
    credential: 'portal_session',
    handler: async (input) => {
      const reply = await route.handler(input);
      return { ...reply, body: shownToCustomers(reply.body), headers: { ...reply.headers, 'Cache-Control': 'no-store' } };
    },
  };
}

/** An answer without the tenant's notes (`metadata`), without who of it wrote what, and without what is the parent's of who inherits. */
export function shownToCustomers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shownToCustomers);
  // Numbers that keep their digits are objects, too.
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const isInherited = 'subscription_type' in value && value.subscription_type === 'inherited';
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !SELLERS.has(key) && !(isInherited && PARENTS.has(key)))
      .map(([key, inner]) => [key, key === 'metadata' ? {} : VERBATIM.has(key) ? inner : shownToCustomers(inner)]),
  );
}
