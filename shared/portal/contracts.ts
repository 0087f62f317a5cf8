import * as z from 'zod';
import { UpdateCustomerRequest } from '#customers/contracts.ts';
import { pageKeys } from '#kernel/pagination.ts';
import { timeText } from '#kernel/wire.ts';
import { cursorKey } from '#platform/resource/listing.ts';

/** `url` is empty where no portal is configured. The token is shown here, and nowhere else ever again. */
export const PortalSessionResponse = z.object({ url: z.string(), token: z.string(), expires_at: timeText });

const sellers = z.never({ error: 'cannot be changed by the customer' }).optional();
/** What a customer may say about itself. By the others its usage is found and its periods are cut, or they are the seller's notes. */
export const UpdatePortalCustomerRequest = UpdateCustomerRequest.extend({ external_id: sellers, timezone: sellers, metadata: sellers });
export type UpdatePortalCustomerRequest = z.output<typeof UpdatePortalCustomerRequest>;

/** Newest first unless told otherwise. */
export const PortalPaginatedRequest = z.object({ ...pageKeys, cursor: cursorKey.nullish(), order: z.enum(['asc', 'desc']).nullish() });

/** Which parts of the portal there is something to show in. */
export const PortalConfigResponse = z.object({
  tabs: z.object({
    info: z.boolean(),
    usage: z.boolean(),
    analytics: z.boolean(),
    subscriptions: z.boolean(),
    invoices: z.boolean(),
    wallets: z.boolean(),
    costs: z.boolean(),
  }),
});
