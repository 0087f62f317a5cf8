import { createServer } from 'node:http';
import { runChild } from '#workers/child.ts';

// The least that a server for events can do: reads the body, parses it, answers. It checks nothing and keeps nothing.
runChild(async () => {
  const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as { events?: unknown[] };
      const answer = JSON.stringify({ message: 'Events accepted for processing', accepted: String(body.events?.length ?? 1) });
      response.writeHead(202, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(answer) });
      response.end(answer);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(process.env.FLEXPRICE_SERVER_PORT), process.env.FLEXPRICE_SERVER_HOST, resolve);
  });
  return {
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
});
