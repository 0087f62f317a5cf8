import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to an engine that can be taken away while everybody else keeps theirs. */
export interface Wire {
  readonly host: string;
  readonly port: number;
  /** Cuts what is connected and refuses what comes. */
  cut(): Promise<void>;
  /** Takes connections and requests, and answers nothing any more: an engine that hangs. */
  mute(): void;
  close(): Promise<void>;
}

export async function wireTo(host: string, port: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  let mute = false;
  const server: Server = createServer((near) => {
    const far = connect(port, host);
    for (const socket of [near, far]) {
      sockets.add(socket);
      // Either end may go at any moment: that is what the wire is for.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on('data', (bytes) => {
      if (!mute) near.write(bytes);
    });
  });
  const listening = new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await listening;
  const address = server.address();
  const cut = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    host: '127.0.0.1',
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut,
    mute: () => {
      mute = true;
    },
    close: () => (server.listening ? cut() : Promise.resolve()),
  };
}
