import { loadConfig } from '#platform/config/load.ts';
import type { Config } from '#platform/config/schema.ts';

/**
 * What Local Mode says where the user says nothing: answers that break their own schema should be seen here first, and
 * somebody who watches does not want to wait two hours for an invoice.
 */
const LOCAL_DEFAULTS = {
  FLEXPRICE_SERVER_VALIDATE_RESPONSES: 'true',
  FLEXPRICE_BILLING_SWEEP_SECONDS: '3',
  FLEXPRICE_BILLING_FINALIZATION_DELAY_SECONDS: '0',
};

/** The configuration that a start from this environment has. Throws ConfigError. */
export function effectiveConfig(env: NodeJS.ProcessEnv): Config {
  const config = loadConfig({ env });
  return config.deployment.mode === 'local' ? loadConfig({ env, defaults: LOCAL_DEFAULTS }) : config;
}
