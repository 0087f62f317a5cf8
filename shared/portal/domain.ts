import type { SettingOf } from '#kernel/setting.ts';
import { randomBytes } from 'node:crypto';
import type { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';

/** Lets one customer look at what is its own, until it expires. Only the hash of its token is kept. */
export interface PortalSession {
  readonly id: string;
  readonly tenantId: string;
  readonly environmentId: string;
  readonly customerId: string;
  readonly tokenHash: string;
  readonly expiresAt: DateTime;
  readonly createdAt: DateTime;
  readonly createdBy: string | null;
}

export const SESSION_LIFETIME = { hours: 1 } as const;

/** A fresh token: `ps_` and 32 random bytes. */
export function generateToken(): string {
  return `ps_${randomBytes(32).toString('base64url')}`;
}

/**
 * Where the customer goes with its token: the configured address, in which `{token}` stands for it. Empty without an address.
 */
export function portalUrl(address: string | undefined, token: string): string {
  return (address ?? '').replaceAll('{token}', token);
}

/** Parts of the portal that are the same for all customers of all tenants. */
export const PORTAL_TABS = { info: true, usage: true, analytics: true, subscriptions: true, invoices: true, wallets: false } as const;

/** The customer whose session it is. Routes of the portal take no other credential: anything else is a mistake of ours. */
export function customerIdOf({ actorType, actorId }: Pick<RequestContext, 'actorType' | 'actorId'>): string {
  if (actorType !== 'customer') throw new Error('not a portal session');
  return actorId;
}

/** What customers are shown in the portal. */
export interface CustomerPortalConfig {
  /** Their costs and margins are the seller's own, unless it says otherwise. */
  readonly cost_analytics_enabled: boolean;
}

export const CUSTOMER_PORTAL_CONFIG: SettingOf<CustomerPortalConfig> = {
  key: 'customer_portal_config',
  fallback: { cost_analytics_enabled: false },
};
