import type { TenantTransaction } from '../postgres/database.ts';

declare const told: unique symbol;

/** A change that other modules take part in. Its own module exports the point. */
export interface HookPoint<Changed> {
  readonly name: string;
  readonly [told]?: Changed;
}

/** What a module does in the transaction of a change elsewhere. */
export interface Hook {
  readonly point: HookPoint<never>;
  readonly run: (tx: TenantTransaction, changed: never) => Promise<void>;
}

export interface Hooks {
  /** Runs all that belongs to the change, in the order of the modules. What throws undoes the change. */
  run<Changed>(tx: TenantTransaction, point: HookPoint<Changed>, changed: Changed): Promise<void>;
}

/** @param name such as `customer.deleted` */
export function hookPoint<Changed>(name: string): HookPoint<Changed> {
  return { name };
}

/** Declares what happens with a change. */
export function hook<Changed>(point: HookPoint<Changed>, run: (tx: TenantTransaction, changed: Changed) => Promise<void>): Hook {
  return { point, run } as unknown as Hook;
}

/** @param all every hook of the product; asked for on use, as hooks are made of services */
export function createHooks(all: () => readonly Hook[]): Hooks {
  return {
    async run(tx, point, changed) {
      for (const { point: hooked, run } of all()) if ((hooked as unknown) === point) await run(tx, changed as never);
    },
  };
}
