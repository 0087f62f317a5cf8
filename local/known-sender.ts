import type { IncomingHttpHeaders } from 'node:http';
import { ForbiddenError, UnauthorizedError } from '#kernel/errors.ts';
import type { Config } from '#platform/config/schema.ts';
import type { Admit } from '#platform/http/handle.ts';

/**
 * Whether a request has a key or a session, before anything of it is read. What its route takes, and what may be done with it, is looked
 * at later. Rejects when nobody can tell.
 */
export async function isKnownSender(
  admit: Admit,
  { header }: Pick<Config['auth'], 'header'>,
  headers: IncomingHttpHeaders,
): Promise<boolean> {
  const texts = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value ?? '')]));
  const credential = texts[header.toLowerCase()] === undefined ? 'portal_session' : 'any_key';
  try {
    await admit({ permission: 'authenticated', credential, withoutEnvironment: true }, texts, '');
    return true;
  } catch (error) {
    if (error instanceof UnauthorizedError || error instanceof ForbiddenError) return false;
    throw error;
  }
}
