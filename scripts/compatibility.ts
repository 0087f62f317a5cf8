// `npm run compatibility`: writes what follows from the published interface and from what this version serves of it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compatibilityFiles } from './compatibility/files.ts';

for (const [path, content] of Object.entries(await compatibilityFiles())) {
  writeFileSync(join(import.meta.dirname, '..', path), content);
  console.log(path);
}
