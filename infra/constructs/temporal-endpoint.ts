/** How to reach Temporal, whoever runs it. */
export interface TemporalEndpoint {
  /** host:port */
  readonly address: string;
  readonly namespace: string;
  readonly tls: boolean;
  /** JSON secret with the key `apiKey`. Absent: the server asks for none, the network keeps others away. */
  readonly apiKeySecret?: string;
}
