import { join } from 'node:path';
import { createApp } from '../app.ts';

// `cdk` calls this after `npm run build`; the environment is chosen with `-c env=<name>`.
try {
  createApp({ dist: join(import.meta.dirname, '../../dist') }).synth();
} catch (error) {
  // What is wrong with a configuration is in the message; where it was noticed helps nobody.
  console.error((error as Error).message);
  process.exitCode = 1;
}
