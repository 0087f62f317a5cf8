import { join } from 'node:path';
import { createApp } from '../app.ts';

// `cdk` calls this after `npm run build`; the environment is chosen with `-c env=<name>`.
createApp({ dist: join(import.meta.dirname, '../../dist') }).synth();
