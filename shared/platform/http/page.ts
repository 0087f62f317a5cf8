import type { Page } from '#kernel/pagination.ts';
import { toWire } from '#kernel/wire.ts';

/** A page on the wire. `offset` is where the next page starts (wire-rules.md section 6). */
export function pageReply<T>(page: Page<T>, itemToWire: (item: T) => unknown = toWire): unknown {
  return {
    items: page.items.map((item) => itemToWire(item)),
    pagination: { total: page.total, limit: page.limit, offset: page.offset + page.limit, ...furtherPages(page) },
  };
}

/** What a page says about the list besides numbers. */
export function furtherPages({ isEstimate, next }: Pick<Page<unknown>, 'isEstimate' | 'next'>): object {
  return { ...(isEstimate && { total_is_estimate: true }), ...(next && { next_cursor: next }) };
}
