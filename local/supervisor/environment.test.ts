import { expect, test } from 'vitest';
import { loadConfig } from '#platform/config/load.ts';
import { childEnvironment } from './environment.ts';

test('a child reads exactly the configuration that its supervisor has', () => {
  const config = loadConfig({
    file: 'no-such-file.yaml',
    env: {
      FLEXPRICE_KAFKA_BROKERS: 'a:1,b:2',
      FLEXPRICE_POSTGRES_HOST: 'db',
      FLEXPRICE_POSTGRES_PASSWORD: 'pass,word = "x"',
      FLEXPRICE_LOCAL_DEMO: 'false',
      FLEXPRICE_EVENTS_LAZY_TENANTS: '',
    },
  });
  const env = childEnvironment(config, {});
  expect(loadConfig({ env })).toEqual(config);
});

test('variables of the supervisor that are no longer true do not reach the child; others do', () => {
  const config = loadConfig({ file: 'no-such-file.yaml', env: {} });
  const env = childEnvironment(config, {
    FLEXPRICE_SERVER_PORT: '1',
    FLEXPRICE_CONFIG_FILE: 'mine.yaml',
    FLEXPRICE_BUILD_MIGRATIONS: 'm',
    PATH: '/bin',
  });
  expect(env.FLEXPRICE_SERVER_PORT).toBeUndefined();
  expect(env).toMatchObject({ FLEXPRICE_BUILD_MIGRATIONS: 'm', PATH: '/bin' });
  expect(env.FLEXPRICE_CONFIG_FILE).not.toBe('mine.yaml');
});
