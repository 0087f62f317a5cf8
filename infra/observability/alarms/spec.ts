import { Duration } from 'aws-cdk-lib';
import { ComparisonOperator, type IMetric, type TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';

export interface AlarmSpec {
  /** Part of the alarm's name; never changes. */
  readonly id: string;
  /** What is wrong when it rings, in a sentence. */
  readonly says: string;
  readonly metric: IMetric;
  readonly above?: number;
  readonly below?: number;
  /** Data points of those looked at that must be beyond the threshold. */
  readonly points: readonly [beyond: number, of: number];
  readonly missing: TreatMissingData;
  /** File in docs/runbooks, without its ending. */
  readonly runbook: string;
  /** Wakes somebody up; the others can wait for the day. */
  readonly pages?: boolean;
}

export const FIVE_MINUTES = Duration.minutes(5);

/** What the two kinds of threshold mean to CloudWatch. */
export function comparisonOf({ above, below }: AlarmSpec): { readonly threshold: number; readonly comparisonOperator: ComparisonOperator } {
  if (above !== undefined) return { threshold: above, comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD };
  return { threshold: below ?? 0, comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD };
}
