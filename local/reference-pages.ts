import { createReadStream, existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Swagger UI, served from the installed package: no content delivery network. */
const SWAGGER_UI = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const OPENAPI = join(import.meta.dirname, '../openapi.json');

const PAGE = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>FlexPrice API</title>
  <link rel="stylesheet" href="/docs/swagger-ui.css">
  <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
  <style>body { margin: 0 } .swagger-ui .topbar { display: none } .swagger-ui .info { margin: 32px 0 8px } #key { max-width: 1420px; margin: 24px auto 0; padding: 0 20px; font: 14px sans-serif; color: #3b4151 }</style>
</head>
<body>
  <p id="key">Every operation wants an API key (Authorize). Local Mode's is <code>sk_local_flexprice_test_key</code>, unless FLEXPRICE_LOCAL_API_KEY names another; npm start prints it.</p>
  <div id="reference"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', deepLinking: true, docExpansion: 'none', filter: true, persistAuthorization: true, displayRequestDuration: true, tagsSorter: 'alpha', defaultModelsExpandDepth: 0, validatorUrl: null });
// The page itself puts the cursor into the last field of the dialog, and the key belongs into the first.
document.addEventListener('click', ({ target }) => {
  if (target.closest('.btn.authorize:not(.modal-btn), .authorization__btn')) setTimeout(() => document.querySelector('.auth-container input')?.focus());
});
`;

const FILES: Readonly<Record<string, { readonly type: string; readonly path: string }>> = {
  '/openapi.json': { type: 'application/json', path: OPENAPI },
  '/docs/swagger-ui.css': { type: 'text/css', path: join(SWAGGER_UI, 'swagger-ui.css') },
  '/docs/swagger-ui-bundle.js': { type: 'text/javascript', path: join(SWAGGER_UI, 'swagger-ui-bundle.js') },
  '/docs/favicon-32x32.png': { type: 'image/png', path: join(SWAGGER_UI, 'favicon-32x32.png') },
};

const TEXTS: Readonly<Record<string, { readonly type: string; readonly text: string }>> = {
  '/docs': { type: 'text/html; charset=utf-8', text: PAGE },
  '/docs/': { type: 'text/html; charset=utf-8', text: PAGE },
  '/docs/start.js': { type: 'text/javascript', text: START },
};

/** Serves the interactive API reference at `/docs`, where `/` leads, and its document; false for any other request. */
export async function referencePages(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  if (path === '/') {
    response.writeHead(302, { Location: '/docs' }).end();
    return true;
  }
  const text = TEXTS[path];
  if (text) {
    response.writeHead(200, { 'Content-Type': text.type }).end(text.text);
    return true;
  }
  const file = FILES[path];
  if (!file || !existsSync(file.path)) return false;
  response.writeHead(200, { 'Content-Type': file.type });
  await pipeline(createReadStream(file.path), response);
  return true;
}
