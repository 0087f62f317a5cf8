import { expect, test } from 'vitest';
import { iamPassword } from './iam-token.ts';

const LOGIN = { host: 'db.example', port: 5432, user: 'flexprice_app', region: 'us-east-1' };
const MINUTE = 60_000;

/** A signer that counts, and fails when told. */
function fake() {
  const state = { now: 0, signed: 0, created: 0, fails: false };
  const password = iamPassword(
    LOGIN,
    async (login) => {
      expect(login).toEqual(LOGIN);
      state.created += 1;
      return {
        getAuthToken: async () => {
          if (state.fails) throw new Error('no credentials');
          return `token ${++state.signed}`;
        },
      };
    },
    () => state.now,
  );
  return { state, password };
}

test('connections of ten minutes share a token, and no token is used for longer', async () => {
  const { state, password } = fake();
  expect(await Promise.all([password(), password()])).toEqual(['token 1', 'token 1']);
  state.now = 10 * MINUTE - 1;
  expect(await password()).toBe('token 1');
  state.now = 10 * MINUTE;
  expect(await password()).toBe('token 2');
  expect(state.created).toBe(1);
});

test('a failed attempt is not remembered', async () => {
  const { state, password } = fake();
  state.fails = true;
  await expect(password()).rejects.toThrow('no credentials');
  state.fails = false;
  expect(await password()).toBe('token 1');
});

test('a token that cannot be renewed does not come back from the cache', async () => {
  const { state, password } = fake();
  await password();
  state.now = 11 * MINUTE;
  state.fails = true;
  await expect(password()).rejects.toThrow('no credentials');
  await expect(password()).rejects.toThrow('no credentials');
});

test('the SDK signs a login for the host, the port and the user', async () => {
  const before = { ...process.env };
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' });
  try {
    const token = new URL(`https://${await iamPassword(LOGIN)()}`);
    expect(token.host).toBe('db.example:5432');
    expect(Object.fromEntries(token.searchParams)).toMatchObject({ Action: 'connect', DBUser: 'flexprice_app', 'X-Amz-Expires': '900' });
    expect(token.searchParams.get('X-Amz-Credential')).toMatch(/^AKIDEXAMPLE\/\d{8}\/us-east-1\/rds-db\/aws4_request$/);
  } finally {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
});

test('without a region it says what is missing', async () => {
  await expect(iamPassword({ ...LOGIN, region: undefined })()).rejects.toThrow('postgres.region is not set');
});
