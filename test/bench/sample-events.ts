/** A request for an event as an LLM gateway sends it, about 270 bytes of JSON. The same index gives the same event. */
export function sampleEvent(index: number, customers: number): Record<string, unknown> {
  return {
    event_id: `bench-event-${String(index).padStart(12, '0')}`,
    event_name: 'llm_request',
    external_customer_id: `customer-${String(index % customers).padStart(6, '0')}`,
    timestamp: new Date(Date.UTC(2026, 0, 1) + (index % 2_592_000) * 1000).toISOString(),
    source: 'gateway',
    properties: {
      model: index % 3 === 0 ? 'large' : 'small',
      region: 'eu-west-1',
      input_tokens: 100 + (index % 900),
      output_tokens: index % 400,
      latency_ms: 12.5 + (index % 50),
    },
  };
}

export function sampleEvents(from: number, count: number, customers: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, index) => sampleEvent(from + index, customers));
}
