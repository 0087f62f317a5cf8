import type { IncomingMessage } from 'node:http';
import { MAX_BODY_BYTES, MAX_UNKNOWN_BODY_BYTES } from '#platform/http/body.ts';
import type { Unread } from '#platform/http/request.ts';

/** Those whose key nobody has looked at share so much of the memory, and cannot take it from those who have one. */
const UNKNOWN_SHARE = 1 / 4;

export interface ReadBody {
  /** Empty where it was not read. */
  readonly bytes: Buffer;
  readonly unread?: Unread;
  /** Gives the memory back: the request has been answered. */
  release(): void;
}

/** What one request holds of the memory. */
interface Hold {
  bytes: number;
  isKnown: boolean;
}

/** The memory of the bodies that are under way, from their first byte to the answer. */
export class BodyMemory {
  readonly #limit: number;
  #used = 0;
  /** How much of it belongs to requests whose sender nobody has looked at. */
  #unknown = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /**
   * Reads a body. What is larger than is taken, comes from somebody unknown, or finds no memory is not kept: its rest is read and dropped,
   * so that the sender reads an answer and not an error of the connection. Rejects when the connection breaks.
   * @param isKnown whether the sender has a key; asked only where a body is large or memory is short
   */
  async read(request: IncomingMessage, isKnown: () => Promise<boolean>): Promise<ReadBody> {
    const hold: Hold = { bytes: 0, isKnown: false };
    const chunks: Buffer[] = [];
    try {
      const unread = await this.#collect(request, isKnown, hold, chunks);
      if (unread !== undefined) {
        this.#release(hold);
        request.resume();
        return { bytes: Buffer.alloc(0), unread, release: () => undefined };
      }
      return { bytes: Buffer.concat(chunks), release: () => this.#release(hold) };
    } catch (error) {
      this.#release(hold);
      throw error;
    }
  }

  async #collect(request: IncomingMessage, isKnown: () => Promise<boolean>, hold: Hold, chunks: Buffer[]): Promise<Unread | undefined> {
    let size = Number(request.headers['content-length'] ?? 0);
    const refused = await this.#look(size, 0, isKnown, hold);
    if (refused !== undefined) return refused;
    size = 0;
    // A `return` must not close the connection.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      const unread = await this.#look(size, chunk.length, isKnown, hold);
      if (unread !== undefined) return unread;
      hold.bytes += chunk.length;
      this.#used += chunk.length;
      if (!hold.isKnown) this.#unknown += chunk.length;
      chunks.push(chunk);
    }
    return undefined;
  }

  /** Whether a body of so many bytes may be read on, of which `wanted` come next. */
  async #look(size: number, wanted: number, isKnown: () => Promise<boolean>, hold: Hold): Promise<Unread | undefined> {
    if (size > MAX_BODY_BYTES) return 'too_large';
    if (!hold.isKnown && (size > MAX_UNKNOWN_BODY_BYTES || this.#unknown + wanted > this.#limit * UNKNOWN_SHARE)) {
      const known = await isKnown().catch(() => undefined);
      if (known === undefined) return 'busy'; // nobody can tell at the moment
      if (!known) return size > MAX_UNKNOWN_BODY_BYTES ? 'unknown_sender' : 'busy';
      hold.isKnown = true;
      this.#unknown -= hold.bytes;
    }
    return this.#used + wanted > this.#limit ? 'busy' : undefined;
  }

  #release(hold: Hold): void {
    this.#used -= hold.bytes;
    if (!hold.isKnown) this.#unknown -= hold.bytes;
    hold.bytes = 0;
  }
}
