import type { Plan } from './plan.ts'

/** The plan that is there after install: calls in by the second, calls out by the minute, a fee for each month. */
export const standardPlan: Plan = {
  name: 'standard',
  title: 'Standard',
  currency: 'EUR',
  rates: [
    perMinute('trunk.in', '', 'Calls in', '0.0060', 1),
    perMinute('trunk.out', '', 'Calls out, other countries', '0.2500', 60),
    perMinute('trunk.out', '+32', 'Calls out, Belgium', '0.0300', 60),
    perMinute('channel.leg', '', 'Legs over the private channel', '0.0020', 1),
    perMinute('voice.relay', '', 'Relayed audio', '0.0010', 1),
    perMinute('voice.transcode', '', 'Transcoded audio', '0.0030', 1),
    perMinute('voice.keys', '', 'Keys heard in sound', '0.0010', 1),
    perMinute('voice.prompt', '', 'Prompts and collected digits', '0.0020', 1),
    perMinute('voice.record', '', 'Recording', '0.0030', 1),
    perMinute('voice.stream', '', 'Sound streamed to the agent', '0.0040', 1),
    perMinute('voice.detection', '', 'Answering machine detection', '0.0080', 1),
    perMinute('voice.speech', '', 'Synthesised speech', '0.0100', 1),
    perMinute('voice.recognition', '', 'Recognised speech', '0.0150', 1),
  ],
  free: ['voice.seat', 'voice.port', 'agent.memory'],
  recurring: [{ title: 'Private channel and agent', amount: '25.00' }],
  taxes: [{ title: 'VAT', percent: '21' }],
}

function perMinute(kind: string, prefix: string, title: string, price: string, increment: number): Plan['rates'][number] {
  return {
    kind,
    prefix,
    title,
    unit: 'second',
    increments: { first: increment, next: increment },
    setUpFee: '0',
    per: 60,
    included: 0,
    tiers: [{ upTo: null, price }],
  }
}
