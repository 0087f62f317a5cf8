import { expect, test } from 'vitest';
import { resolveSecretReferences } from './references.ts';

const SECRETS: Record<string, string> = {
  'arn:aws:secretsmanager:us-east-1:1:secret:db-x': JSON.stringify({ username: 'flexprice_app', password: 'hunter2', port: 5432 }),
  'flexprice/root-key': 'sk_root',
};

function reader() {
  const reads: string[] = [];
  const read = async (id: string): Promise<string> => {
    reads.push(id);
    const secret = SECRETS[id];
    if (secret === undefined) throw new Error('ResourceNotFoundException');
    return secret;
  };
  return { reads, read };
}

test('references become secrets, whole or by key, and each secret is read once', async () => {
  const { reads, read } = reader();
  const resolved = await resolveSecretReferences(
    {
      FLEXPRICE_POSTGRES_PASSWORD: 'secretsmanager:arn:aws:secretsmanager:us-east-1:1:secret:db-x#password',
      FLEXPRICE_POSTGRES_PORT: 'secretsmanager:arn:aws:secretsmanager:us-east-1:1:secret:db-x#port',
      FLEXPRICE_AUTH_ROOT_KEY: 'secretsmanager:flexprice/root-key',
      FLEXPRICE_LOG_LEVEL: 'WARN',
      OTHER: 'secretsmanager:flexprice/root-key',
    },
    read,
  );
  expect(resolved).toEqual({
    FLEXPRICE_POSTGRES_PASSWORD: 'hunter2',
    FLEXPRICE_POSTGRES_PORT: '5432',
    FLEXPRICE_AUTH_ROOT_KEY: 'sk_root',
    FLEXPRICE_LOG_LEVEL: 'WARN',
    OTHER: 'secretsmanager:flexprice/root-key',
  });
  expect(reads.sort()).toEqual(Object.keys(SECRETS).sort());
});

test.each([
  ['secretsmanager:nowhere', 'FLEXPRICE_POSTGRES_PASSWORD: the secret nowhere cannot be used'],
  ['secretsmanager:arn:aws:secretsmanager:us-east-1:1:secret:db-x#token', 'db-x cannot be used'],
  ['secretsmanager:flexprice/root-key#password', 'flexprice/root-key cannot be used'],
])('%s stops the start with the name of the variable and without the secret', async (value, message) => {
  const failure = resolveSecretReferences({ FLEXPRICE_POSTGRES_PASSWORD: value }, reader().read).catch((error: Error) => error);
  const error = (await failure) as Error;
  expect(error.message).toContain(message);
  expect(`${error.message} ${String(error.cause)}`).not.toMatch(/hunter2|sk_root/);
});
