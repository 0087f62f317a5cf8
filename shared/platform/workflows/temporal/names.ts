/** Type of an activity in Temporal: two jobs may name their activities alike. */
export function activityType(job: string, activity: string): string {
  return `${job}.${activity}`;
}
