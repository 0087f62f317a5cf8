/**
 * Partition counts by topic, remembered for a while: they may grow, and a producer that asked before would ask anew for
 * every request otherwise. Throws for a topic that does not exist.
 */
export function createPartitionCounts(fetch: (topics: readonly string[]) => Promise<Map<string, number>>, ttlMs: number) {
  const known = new Map<string, { readonly partitions: number; readonly until: number }>();
  return {
    async of(topic: string): Promise<number> {
      const cached = known.get(topic);
      if (cached && cached.until > performance.now()) return cached.partitions;
      const partitions = (await fetch([topic])).get(topic);
      if (partitions === undefined) throw new Error(`the event log has no topic "${topic}"`);
      known.set(topic, { partitions, until: performance.now() + ttlMs });
      return partitions;
    },
    forget: (): void => known.clear(),
  };
}
