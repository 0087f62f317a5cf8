// `npm run dashboards [-- env] [-- --out file.html]`: what the dashboards of an environment look like, as a page, before anything is deployed.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { dashboardPage, dashboardsIn } from './dashboard-page.ts';
import { templatesOf } from './templates.ts';

const {
  values,
  positionals: [env = 'dev'],
} = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } });
const out = resolve(values.out ?? `dist/dashboards-${env}.html`);
try {
  const dashboards = dashboardsIn(templatesOf(env));
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, dashboardPage(`Dashboards of ${env}`, dashboards));
  for (const { name, widgets } of dashboards) console.log(`${name.padEnd(32)} ${widgets.length} widgets`);
  console.log(`Open ${out}`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
