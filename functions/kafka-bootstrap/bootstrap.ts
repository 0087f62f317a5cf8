import { GetBootstrapBrokersCommand, type KafkaClient } from '@aws-sdk/client-kafka';

/**
 * The cluster's broker list for IAM authentication over TLS, `host:port,host:port`, sorted so that it only changes when the brokers do.
 * Throws when the cluster offers none.
 */
export async function iamBrokers(client: Pick<KafkaClient, 'send'>, clusterArn: string): Promise<string> {
  const { BootstrapBrokerStringSaslIam } = await client.send(new GetBootstrapBrokersCommand({ ClusterArn: clusterArn }));
  if (!BootstrapBrokerStringSaslIam) throw new Error(`the cluster ${clusterArn} has no brokers for IAM authentication`);
  return BootstrapBrokerStringSaslIam.split(',').sort().join(',');
}
