import { expect, test } from 'vitest';
import { refuseUnsupported } from './unsupported.ts';

test.each([
  ['commitment_amount', '100'],
  ['overage_factor', '1.5'],
  ['trial_period_days', 14],
  ['enable_true_up', true],
  ['coupons', ['coupon_1']],
  ['auto_invoice_threshold', 50],
])('%s: %j is refused by its name', (field, value) => {
  expect(() => refuseUnsupported({ plan_id: 'plan_1', [field]: value })).toThrow(field);
});

test('what asks for nothing passes, and so do fields that are supported', () => {
  refuseUnsupported({
    plan_id: 'plan_1',
    commitment_amount: '0',
    overage_factor: 1,
    trial_period_days: 0,
    enable_true_up: false,
    coupons: [],
    line_item_commitments: {},
    phases: null,
    addons: undefined,
    checkout: '',
  });
});
