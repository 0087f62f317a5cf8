import { expect, test } from 'vitest';
import { generateToken, portalUrl } from './domain.ts';

test('tokens are long, random and fit into an address as they are', () => {
  const tokens = Array.from({ length: 100 }, generateToken);
  expect(new Set(tokens).size).toBe(100);
  for (const token of tokens) expect(token).toMatch(/^ps_[\w-]{43}$/);
});

test.each([
  ['https://portal.example/#token={token}', 'https://portal.example/#token=ps_1'],
  ['https://portal.example/{token}?again={token}', 'https://portal.example/ps_1?again=ps_1'],
  ['https://portal.example/', 'https://portal.example/'],
  [undefined, ''],
])('the address %s becomes %s', (address, url) => {
  expect(portalUrl(address, 'ps_1')).toBe(url);
});
