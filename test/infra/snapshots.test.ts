import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ENVIRONMENT_NAMES } from '../../infra/config/environments.ts';
import { synthesised, type Template } from './synthesised.ts';

// What a change does to each template, for whoever reviews it. What must hold whatever changes is in ./templates.
// `npm test -- test/infra/snapshots.test.ts -u` takes over what is meant.

/** Of code and images: they follow every change of a source, which is no change of the infrastructure. */
const CONTENT_HASH = /\b[0-9a-f]{64}\b/g;
/** A version of a function is named by a hash of its code. */
const VERSION_HASH = /(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}/g;
const FINGERPRINT = /^(\s+Files: )[0-9a-f]{32}$/gm;

function normalised(template: Template): string {
  return stringify(template, { lineWidth: 0, aliasDuplicateObjects: false })
    .replaceAll(CONTENT_HASH, '<content>')
    .replaceAll(VERSION_HASH, '$1<content>')
    .replaceAll(FINGERPRINT, '$1<content>');
}

describe.each(ENVIRONMENT_NAMES)('%s', (env) => {
  test('its templates are those that were reviewed', async () => {
    const { stacks } = synthesised(env);
    expect(stacks.size).toBeGreaterThanOrEqual(6);
    for (const [stack, template] of stacks)
      await expect(normalised(template)).toMatchFileSnapshot(join(import.meta.dirname, 'snapshots', env, `${stack}.yaml`));
  }, 180_000);
});
