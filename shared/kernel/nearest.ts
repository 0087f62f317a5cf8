/** Edits that a typing error may take: a letter too many, too few, wrong, or changed places with its neighbour. */
const MOST_EDITS = 2;

/**
 * The word that somebody meant who typed `word`: the one of `words` with the fewest edits between, at most two and fewer than half of
 * its letters. Upper and lower case are the same. Undefined when none is so near.
 */
export function nearest(word: string, words: Iterable<string>): string | undefined {
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of words) {
    const distance = edits(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= MOST_EDITS && distance * 2 < candidate.length && distance < (best?.distance ?? Number.POSITIVE_INFINITY))
      best = { candidate, distance };
  }
  return best?.candidate;
}

/** Edits from one word to another (optimal string alignment), row by row. */
function edits(from: string, to: string): number {
  let [before, last] = [[] as number[], Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      let fewest = Math.min((last[column - 1] ?? 0) + (same ? 0 : 1), (last[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1);
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1])
        fewest = Math.min(fewest, (before[column - 2] ?? 0) + 1);
      next.push(fewest);
    }
    [before, last] = [last, next];
  }
  return last[to.length] ?? 0;
}
