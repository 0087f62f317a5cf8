import { invalidOperation } from '#kernel/errors.ts';
import type { TenantTransaction } from '../postgres/database.ts';

/** What happens to an entity that others may stand on. */
export type GuardedChange = 'delete' | 'rename';

/** An entity that can be in use. Its own module exports the point; the modules that use the entity guard it. */
export interface GuardPoint {
  /** As messages name it, such as `customer`. */
  readonly entity: string;
}

/** Something that stands on an entity. */
export interface Guard {
  readonly point: GuardPoint;
  readonly changes: readonly GuardedChange[];
  /** The entity that stands on it, such as `subscription`. */
  readonly by: string;
  /** Why the change must not happen, as the rest of the sentence "the customer ..."; null when nothing stands in its way. */
  readonly objection: (tx: TenantTransaction, id: string) => Promise<string | null>;
}

export interface Guards {
  /** Asks everybody who may stand on the entity, which the caller has locked in `tx`. Throws `invalid_operation` with the first objection. */
  check(tx: TenantTransaction, point: GuardPoint, id: string, change: GuardedChange): Promise<void>;
}

export function guardPoint(entity: string): GuardPoint {
  return { entity };
}

/** Declares that an entity is in use by another. */
export function guard(
  point: GuardPoint,
  changes: readonly GuardedChange[],
  by: string,
  objection: (tx: TenantTransaction, id: string) => Promise<string | null>,
): Guard {
  return { point, changes, by, objection };
}

/** @param all every guard of the product; asked for on use, as guards are made of services */
export function createGuards(all: () => readonly Guard[]): Guards {
  return {
    async check(tx, point, id, change) {
      for (const { point: guarded, changes, by, objection } of all()) {
        if (guarded !== point || !changes.includes(change)) continue;
        const reason = await objection(tx, id);
        if (reason !== null) throw invalidOperation(`the ${point.entity} ${reason}`, { entity: point.entity, id, used_by: by });
      }
    },
  };
}
