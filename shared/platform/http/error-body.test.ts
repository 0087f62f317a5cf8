import { expect, test } from 'vitest';
import * as z from 'zod';
import { Decimal } from '#kernel/decimal.ts';
import { DomainError, invalid } from '#kernel/errors.ts';
import { toJson } from '#kernel/wire.ts';
import { errorReply } from './error-body.ts';
import { knownKeys } from './known-keys.ts';

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

const long = 'x'.repeat(2_500_000);
test.each<[what: string, error: unknown, begins: string]>([
  [
    'the name of an unknown field',
    thrownBy(() => knownKeys({ unknownKeys: 'refused', foreignKeys: {} }, z.object({}), { [long]: 1 })),
    'xxxxx',
  ],
  ['a hundred of them', z.object({ map: z.record(z.string(), z.string()) }).safeParse({ map: manyNumbers() }).error, 'map.0xxxx'],
  ['what was asked for', invalid('sort', `unknown field ${JSON.stringify(long)}`), 'sort: unknown field '],
])('%s is quoted, but not as long as a request may be', (_, error, begins) => {
  const reply = errorReply(error);
  expect(reply.status).toBeLessThan(500);
  expect(reply.body).toMatchObject({ message: expect.stringMatching(new RegExp(`^${begins}.*…`)) });
  expect(toJson(reply.body).length).toBeLessThan(500_000);
});

function manyNumbers(): Record<string, number> {
  return Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`${index}${'x'.repeat(50_000)}`, index]));
}

test('what an error says is as it was up to a thousand characters, and no character is cut in two', () => {
  const details = { field: 'f'.repeat(1_000), amount: new Decimal('1.50'), list: [{ reason: 'is not known here' }], limit: 5 };
  expect(errorReply(new DomainError('validation_error', 'm'.repeat(1_000), details)).body).toMatchObject({
    message: 'm'.repeat(1_000),
    details,
  });
  const { body } = errorReply(new DomainError('validation_error', `${'m'.repeat(999)}🙂 and so on`));
  expect(body).toMatchObject({ message: `${'m'.repeat(999)}\uFFFD…` });
});
