const FIRST_SLOTS = 1 << 12;

/**
 * How often something came before, by its SHA-256. Of each it keeps the first 64 bits and a count, in 24 to 48 bytes: a map of JavaScript
 * takes several times as much and ends at 16 million entries.
 */
export class Occurrences {
  #slots = FIRST_SLOTS;
  #used = 0;
  #high = new Uint32Array(FIRST_SLOTS);
  #low = new Uint32Array(FIRST_SLOTS);
  #counts = new Uint32Array(FIRST_SLOTS);

  /** Notes one more of these and says how many there were before. */
  before(digest: Buffer): number {
    const at = this.#slotOf(digest.readUInt32LE(0), digest.readUInt32LE(4));
    const before = this.#counts[at] ?? 0;
    this.#counts[at] = before + 1;
    if (before === 0 && ++this.#used * 2 > this.#slots) this.#grow();
    return before;
  }

  /** The slot of a hash, taken for it when it has none. */
  #slotOf(high: number, low: number): number {
    let at = low & (this.#slots - 1);
    while (this.#counts[at] !== 0 && (this.#high[at] !== high || this.#low[at] !== low)) at = (at + 1) & (this.#slots - 1);
    [this.#high[at], this.#low[at]] = [high, low];
    return at;
  }

  #grow(): void {
    const [high, low, counts] = [this.#high, this.#low, this.#counts];
    this.#slots *= 2;
    [this.#high, this.#low, this.#counts] = [new Uint32Array(this.#slots), new Uint32Array(this.#slots), new Uint32Array(this.#slots)];
    counts.forEach((count, at) => {
      if (count > 0) this.#counts[this.#slotOf(high[at] ?? 0, low[at] ?? 0)] = count;
    });
  }
}
