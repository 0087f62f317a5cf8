import { expect, test } from 'vitest';
import { columns, given, mapOrEmpty, textOrNull, valueOrNull } from './patch.ts';

const plan = columns({ name: given<string>, description: textOrNull, order: valueOrNull<number>, metadata: mapOrEmpty });

test('what creating leaves out has no value', () => {
  expect(plan.created({ name: 'Pro' })).toEqual({ name: 'Pro', description: null, order: null, metadata: {} });
  expect(plan.created({ name: 'Pro', description: '', order: 0, metadata: { a: 'b' } })).toEqual({
    name: 'Pro',
    description: null,
    order: 0,
    metadata: { a: 'b' },
  });
});

test('what changing leaves out stays as it is; null and an empty text take the value away', () => {
  expect(plan.changed({})).toEqual({});
  expect(plan.changed({ description: '', order: null, metadata: null })).toEqual({ description: null, order: null, metadata: {} });
  expect(plan.changed({ name: 'Pro', description: undefined })).toEqual({ name: 'Pro' });
  expect(plan.changed({ description: 'x', other: 1 } as never)).toEqual({ description: 'x' });
});
