import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket, type LifecycleRule, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';

export interface PrivateBucketProps {
  readonly production: boolean;
  /** Absent: this one keeps the access logs of others. */
  readonly accessLogs?: { readonly bucket: IBucket; readonly prefix: string };
  readonly versioned?: boolean;
  readonly lifecycle: readonly LifecycleRule[];
}

/** A bucket that nobody outside reads, over TLS only, encrypted. In production it outlives its stack. */
export class PrivateBucket extends Bucket {
  constructor(scope: Construct, id: string, { production, accessLogs, versioned = false, lifecycle }: PrivateBucketProps) {
    super(scope, id, {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      versioned,
      lifecycleRules: [{ id: 'unfinished-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) }, ...lifecycle],
      removalPolicy: production ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      ...(accessLogs === undefined ? {} : { serverAccessLogsBucket: accessLogs.bucket, serverAccessLogsPrefix: accessLogs.prefix }),
    });
  }
}
