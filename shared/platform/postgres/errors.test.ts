import { expect, test } from 'vitest';
import { invalid } from '#kernel/errors.ts';
import { translateError } from './errors.ts';

const failure = (fields: { code?: string; constraint?: string; message?: string }) =>
  Object.assign(new Error(fields.message ?? 'no'), fields);

test.each([
  ['a server that shuts down', { code: '57P01' }, 'service_unavailable'],
  ['too many connections', { code: '53300' }, 'service_unavailable'],
  ['a refused connection', { code: 'ECONNREFUSED' }, 'service_unavailable'],
  ['a host that cannot be reached', { code: 'EHOSTUNREACH' }, 'service_unavailable'],
  ['a cut connection', { message: 'Connection terminated unexpectedly' }, 'service_unavailable'],
  ['a statement that took too long', { code: '57014' }, 'service_unavailable'],
  ['a writer that has become a reader', { code: '25006' }, 'service_unavailable'],
  ['a deadlock', { code: '40P01' }, 'version_conflict'],
  ['a serialization failure', { code: '40001' }, 'version_conflict'],
  ['a value that is taken', { code: '23505', constraint: 'uq_customers__external_id' }, 'already_exists'],
  ['NUL in a text', { code: '22021' }, 'validation_error'],
  ['a number that is too large', { code: '22003' }, 'validation_error'],
])('%s', (_, fields, code) => {
  expect(translateError(failure(fields))).toMatchObject({ code });
});

test('an error of ours and a fault of ours stay what they are', () => {
  for (const error of [
    invalid('name', 'is wrong'),
    failure({ code: '42P01' }),
    failure({ code: '23505', constraint: 'customers_pkey' }),
    new TypeError('x'),
  ])
    expect(translateError(error)).toBe(error);
});
