/** Fetches the text of a secret by its name or ARN. */
export type SecretReader = (secretId: string) => Promise<string>;

type Environment = Readonly<Record<string, string | undefined>>;

/** `secretsmanager:<name or ARN>` for the whole secret, or `secretsmanager:<name or ARN>#<key>` for one key of a JSON secret. */
const REFERENCE = /^secretsmanager:([^#]+)(?:#(.+))?$/;

/**
 * Replaces secret references among `FLEXPRICE_` variables by the secrets themselves, each secret read once. Other values stay as they are.
 * Throws with the variable's name when a secret cannot be read or lacks the key; the message never holds a secret.
 */
export async function resolveSecretReferences(
  env: Environment,
  read: SecretReader = readFromSecretsManager,
): Promise<Record<string, string | undefined>> {
  const secrets = new Map<string, Promise<string>>();
  const resolved: Record<string, string | undefined> = { ...env };
  await Promise.all(
    Object.entries(env).map(async ([name, value]) => {
      const match = name.startsWith('FLEXPRICE_') ? REFERENCE.exec(value ?? '') : null;
      if (!match) return;
      const [, id = '', key] = match;
      const secret = secrets.get(id) ?? read(id);
      secrets.set(id, secret);
      try {
        resolved[name] = pick(await secret, key);
      } catch (error) {
        throw new Error(`${name}: the secret ${id} cannot be used`, { cause: error });
      }
    }),
  );
  return resolved;
}

function pick(secret: string, key: string | undefined): string {
  if (key === undefined) return secret;
  const value = parse(secret)[key];
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new Error(`it has no key ${key}`);
}

function parse(secret: string): Record<string, unknown> {
  try {
    return JSON.parse(secret) as Record<string, unknown>;
  } catch {
    // The parser's own message would quote the secret.
    throw new Error('it is not JSON');
  }
}

/** The SDK is loaded on first use: where no variable refers to a secret it costs nothing. */
async function readFromSecretsManager(secretId: string): Promise<string> {
  const { GetSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  const { SecretString } = await new SecretsManagerClient().send(new GetSecretValueCommand({ SecretId: secretId }));
  if (SecretString === undefined) throw new Error('it is binary');
  return SecretString;
}
