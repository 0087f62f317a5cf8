import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { switchesOf } from '#local/command-line.ts';
import { generateOpenApi } from './generate-openapi.ts';

// Writes openapi.json from the route tables; with --check only says whether it is stale.
const path = join(import.meta.dirname, '../openapi.json');
const isCheck = switchesOf('npm run openapi [-- --check]   writes openapi.json; --check says whether it is stale', ['--check']).has(
  '--check',
);
const document = await generateOpenApi();

if (isCheck) {
  if (readFileSync(path, 'utf8') === document) console.log('openapi.json is up to date');
  else {
    console.error('openapi.json is stale: run `npm run openapi`');
    process.exitCode = 1;
  }
} else {
  writeFileSync(path, document);
  console.log(`openapi.json: ${Object.keys((JSON.parse(document) as { paths: object }).paths).length} paths`);
}
