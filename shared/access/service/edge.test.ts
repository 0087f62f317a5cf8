import { expect, test } from 'vitest';
import type { Authenticator } from './authenticator.ts';
import { behindEdge } from './edge.ts';

const principal = { tenantId: 't' } as Awaited<ReturnType<Authenticator['authenticate']>>;
const inner: Authenticator = {
  forget: () => undefined,
  authenticate: async () => principal,
  contextOf: async () => {
    throw new Error('not asked');
  },
};

test.each(['current', 'next'])('the value "%s" of two is accepted', async (value) => {
  expect(await behindEdge(inner, ['current', 'next']).authenticate({ 'x-origin-verify': value })).toBe(principal);
});

test.each<Record<string, string>>([{}, { 'x-origin-verify': '' }, { 'x-origin-verify': 'current,next' }])(
  '%j does not come through the edge',
  async (headers) => {
    await expect(behindEdge(inner, ['current', 'next']).authenticate(headers)).rejects.toMatchObject({ name: 'ForbiddenError' });
  },
);

test('the credential that a route takes is handed on', async () => {
  const asked: unknown[] = [];
  const { authenticate } = behindEdge(
    {
      ...inner,
      authenticate: async (_, credential) => {
        asked.push(credential);
        return principal;
      },
    },
    ['current'],
  );
  await authenticate({ 'x-origin-verify': 'current' }, 'portal_session');
  expect(asked).toEqual(['portal_session']);
  await expect(authenticate({}, 'portal_session')).rejects.toMatchObject({ name: 'ForbiddenError' });
});

test.each([undefined, []])('without an edge (%j) nothing is checked', async (values) => {
  expect(await behindEdge(inner, values).authenticate({})).toBe(principal);
});
