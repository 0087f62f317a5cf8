/**
 * A line that cannot be written (the disk is full, the reader of a pipe is gone) is lost, and nothing else: without a listener the
 * stream's error would end the process. Both streams take the next line again once it can be written.
 */
export function outliveLostLines(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}
