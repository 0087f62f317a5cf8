/** A live member of a group and the topics it reads. */
export interface GroupMember {
  readonly id: string;
  readonly topics: readonly string[];
}
/** A partition as the group sees it; `owner` is null when nobody has it. */
export interface GroupPartition {
  readonly topic: string;
  readonly partition: number;
  readonly owner: string | null;
}
export interface AssignmentPlan {
  readonly claim: readonly GroupPartition[];
  readonly release: readonly GroupPartition[];
}

/**
 * What one member should take and give up so that every topic is shared evenly among the members that read it.
 * Cooperative: nothing is taken from a live member. Shares add up to the number of partitions, so when each member
 * follows its own plan, every partition finds an owner.
 */
export function planAssignment(me: string, members: readonly GroupMember[], partitions: readonly GroupPartition[]): AssignmentPlan {
  const topics = members.find(({ id }) => id === me)?.topics ?? [];
  const plans = topics.map((topic) => {
    const ofTopic = partitions.filter((each) => each.topic === topic).sort((a, b) => a.partition - b.partition);
    const mine = ofTopic.filter(({ owner }) => owner === me);
    const share = shareOf(me, topic, members, ofTopic.length);
    return {
      claim: ofTopic.filter(({ owner }) => owner === null).slice(0, Math.max(0, share - mine.length)),
      release: mine.slice(share),
    };
  });
  return { claim: plans.flatMap(({ claim }) => claim), release: plans.flatMap(({ release }) => release) };
}

function shareOf(me: string, topic: string, members: readonly GroupMember[], partitions: number): number {
  const readers = members
    .filter(({ topics }) => topics.includes(topic))
    .map(({ id }) => id)
    .sort();
  // Turned by topic: the odd partitions of several small topics go to different members.
  const place = (readers.indexOf(me) + turnOf(topic)) % readers.length;
  return Math.floor(partitions / readers.length) + (place < partitions % readers.length ? 1 : 0);
}

function turnOf(topic: string): number {
  let turn = 0;
  for (const letter of topic) turn = (turn * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return turn;
}
