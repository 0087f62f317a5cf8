/** Signs a login; RDS accepts what it returns as password for 15 minutes. */
export interface TokenSigner {
  getAuthToken(): Promise<string>;
}

export interface IamLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly region: string | undefined;
}

/** Well below the 15 minutes of a token: it is only checked when a connection is opened. */
const KEPT_MS = 10 * 60_000;

/**
 * A password function of node-postgres that logs in with the IAM role of the process. One token serves all connections of ten minutes;
 * a failed attempt is forgotten, so that the next connection tries anew.
 * Throws (on use) without a region, or when no credentials are found.
 * @param now milliseconds of the wall clock, which goes on while a sandbox is frozen
 */
export function iamPassword(
  login: IamLogin,
  createSigner: (login: IamLogin) => Promise<TokenSigner> = rdsSigner,
  now: () => number = Date.now,
): () => Promise<string> {
  let signer: Promise<TokenSigner> | undefined;
  let cached: { readonly token: Promise<string>; readonly until: number } | undefined;
  const sign = async (): Promise<string> => (await (signer ??= createSigner(login))).getAuthToken();
  return () => {
    if (cached !== undefined && cached.until > now()) return cached.token;
    const token = sign();
    const entry = { token, until: now() + KEPT_MS };
    cached = entry;
    token.catch(() => {
      signer = undefined;
      if (cached === entry) cached = undefined;
    });
    return token;
  };
}

/** The SDK is loaded on first use: whoever logs in with a password does without. */
async function rdsSigner({ host, port, user, region }: IamLogin): Promise<TokenSigner> {
  if (region === undefined) throw new Error('postgres.region is not set: postgres.auth "iam" needs it');
  const { Signer } = await import('@aws-sdk/rds-signer');
  return new Signer({ hostname: host, port, username: user, region });
}
