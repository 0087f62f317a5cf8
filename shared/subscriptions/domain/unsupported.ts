import { invalid } from '#kernel/errors.ts';

/** Parts of a subscription that this release does not bill, with the values that mean "none of it". */
const UNSUPPORTED: Readonly<Record<string, readonly unknown[]>> = {
  addons: [],
  auto_invoice_threshold: ['0'],
  checkout: [],
  commitment_amount: ['0'],
  commitment_duration: [],
  coupons: [],
  credit_grants: [],
  enable_true_up: [false],
  gateway_payment_method_id: [],
  line_item_coupons: [],
  line_items: [],
  overage_factor: ['1', '0'],
  override_entitlements: [],
  phases: [],
  subscription_coupons: [],
  tax_rate_overrides: [],
  trial_period_days: ['0'],
};

/** The same inside of `inheritance`. */
const UNSUPPORTED_INHERITANCE = {
  grouped_invoicing_children_to_create: [],
  invoicing_customer_external_id: [],
  subscriptions_ids_for_grouped_invoicing: [],
};

/**
 * Refuses a request for what would not be billed as asked, before anything is written (billing.md section 12, rule 27).
 * Keys are wire names; an empty value asks for nothing.
 */
export function refuseUnsupported(request: Readonly<Record<string, unknown>>): void {
  refuse(request, UNSUPPORTED, '');
  if (!isEmpty(request.inheritance)) refuse(request.inheritance as Record<string, unknown>, UNSUPPORTED_INHERITANCE, 'inheritance.');
}

function refuse(asked: Readonly<Record<string, unknown>>, unsupported: typeof UNSUPPORTED, prefix: string): void {
  for (const [field, nothing] of Object.entries(unsupported)) {
    const value = asked[field];
    if (isEmpty(value) || nothing.some((accepted) => accepted === value || accepted === String(value))) continue;
    throw invalid(`${prefix}${field}`, 'is not supported yet');
  }
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
