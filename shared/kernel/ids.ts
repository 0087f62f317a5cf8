import { monotonicFactory } from 'ulidx';
import type { Clock } from './clock.ts';

/** Prefixes of wire ids (wire-rules.md section 8, billing.md section 1). */
export type IdPrefix =
  | 'tenant'
  | 'env'
  | 'user'
  | 'secret'
  | 'cust'
  | 'plan'
  | 'price'
  | 'feat'
  | 'meter'
  | 'ent'
  | 'addon'
  | 'group'
  | 'subs'
  | 'subs_line'
  | 'phase'
  | 'inv'
  | 'inv_line'
  | 'pay'
  | 'wallet'
  | 'wtxn'
  | 'cg'
  | 'cga'
  | 'cn'
  | 'coupon'
  | 'taxrate'
  | 'ta'
  | 'sched'
  | 'cs'
  | 'cost'
  | 'event'
  | 'req'
  | 'sys_event'
  | 'job'
  | 'idem'
  | 'bucket'
  | 'uctr'
  | 'psess'
  | 'setting'
  | 'onboarding'
  | 'acct'
  | 'posting';

/** Random bytes by the page: an id takes sixteen, and asking for each of them costs more than the rest of the id. */
const POOL = new Uint8Array(4096);
let taken = POOL.length;

function random(): number {
  if (taken === POOL.length) {
    crypto.getRandomValues(POOL);
    taken = 0;
  }
  return (POOL[taken++] ?? 0) / 256;
}

const ulid = monotonicFactory(random);

/** A sortable id such as `cust_01J...`. Ids made in one process ascend; the time part comes from the clock. */
export function newId(prefix: IdPrefix, clock: Clock): string {
  return `${prefix}_${ulid(clock.now().toMillis())}`;
}
