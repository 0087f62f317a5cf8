import { KafkaClient } from '@aws-sdk/client-kafka';
import { customResource } from '../custom-resource.ts';
import { iamBrokers } from './bootstrap.ts';

const client = new KafkaClient();

/** Custom resource: CloudFormation knows no attribute for the brokers of an MSK cluster. Runs once per deploy. */
export const handler = customResource('kafka-bootstrap-brokers', async ({ ClusterArn }) => ({
  Brokers: await iamBrokers(client, String(ClusterArn)),
}));
