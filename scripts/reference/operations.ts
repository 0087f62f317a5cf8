import type { OperationText } from './operation-text.ts';
import { ACCOUNT } from './operations/account.ts';
import { CATALOG } from './operations/catalog.ts';
import { EVENTS } from './operations/events.ts';
import { BILLING } from './operations/billing.ts';
import { PORTAL_AND_ENDS } from './operations/portal-and-ends.ts';

/**
 * Every operation, in an order in which the requests work one after the other on an empty environment: a test sends them so
 * (test/integration/reference-examples.test.ts), and `openapi.json` shows them.
 */
export const OPERATIONS: Readonly<Record<string, OperationText>> = {
  ...ACCOUNT,
  ...CATALOG,
  ...EVENTS,
  ...BILLING,
  ...PORTAL_AND_ENDS,
};
