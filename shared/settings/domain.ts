import type { EntityColumns } from '#kernel/wire.ts';

/** A decision of a tenant about an environment. Which keys there are, and what their values are, is for the modules that follow them. */
export interface Setting extends EntityColumns {
  readonly key: string;
  readonly value: unknown;
}
