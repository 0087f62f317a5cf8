import { createApp } from '#app/create-app.ts';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { loadRuntimeConfig } from '#platform/config/runtime.ts';
import { runChild } from '#workers/child.ts';
import { withDisk } from './disk.ts';
import { startGateway } from './gateway.ts';
import { isKnownSender } from './known-sender.ts';
import { referencePages } from './reference-pages.ts';

// The process of FLEXPRICE_DEPLOYMENT_MODE=api: the Lambda handlers over plain HTTP, with the API reference.
runChild(async () => {
  const app = createApp(await loadRuntimeConfig());
  const { host, port = 8080 } = app.config.server;
  const gateway = await startGateway(
    {
      ingest: createIngestHandler(app),
      management: createManagementHandler(withDisk(app)),
      pages: referencePages,
      isKnown: (headers) => isKnownSender(app.admit, app.config.auth, headers),
    },
    { host, port, bodyBytes: app.config.server.body_memory_mib * 1024 ** 2 },
  );
  return {
    ready: { port: gateway.port },
    stop: async () => {
      await gateway.close();
      await app.close();
    },
  };
});
