import type { OperationTexts } from '#platform/http/openapi.ts';
import { OPERATIONS } from './operations.ts';

/** What names of other entities are shown as: an id as the API makes it, of the right kind. */
const PREFIXES: Readonly<Record<string, string>> = {
  apiKey: 'secret',
  clonedFeature: 'feat',
  costsheet: 'cost',
  customer: 'cust',
  deadLetter: 'events.0.12',
  draft: 'inv',
  entitlement: 'ent',
  environment: 'env',
  feature: 'feat',
  fee: 'price',
  issued: 'inv',
  issuedLine: 'inv_line',
  line: 'inv_line',
  meter: 'meter',
  otherEntitlement: 'ent',
  plan: 'plan',
  price: 'price',
  reprocess: 'reprocess-events',
  subscription: 'subs',
  tenant: 'tenant',
  tokenMeter: 'meter',
  unusedCustomer: 'cust',
  unusedPlan: 'plan',
};
const ULID = '01HV6Z3N8Q4K7W2X5Y9B1C3D5E';

/** Descriptions and examples as the document shows them. Throws for a name without a kind. */
export function operationTexts(): OperationTexts {
  return Object.fromEntries(
    Object.entries(OPERATIONS).map(([operationId, { says, path = {}, query = {}, body }]) => [
      operationId,
      { description: says, ...shown({ parameters: { ...path, ...query }, ...(body === undefined ? {} : { body }) }) },
    ]),
  );
}

function shown<T>(value: T): T {
  return JSON.parse(
    JSON.stringify(value).replace(/\$(\w+)/g, (_, name: string) => {
      const prefix = PREFIXES[name];
      if (prefix === undefined) throw new Error(`what kind of id is ${name}?`);
      return prefix.includes('.') ? prefix : `${prefix}_${ULID}`;
    }),
  ) as T;
}
