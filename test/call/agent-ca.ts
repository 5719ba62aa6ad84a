import { isIP } from 'node:net'
import { type Clock, systemClock } from '#lib/index.ts'
import { createAuthority, issueCertificate } from '#platform/subscriber/index.ts'

/** A certificate and its key, PEM. */
export interface Issued {
  certificate: string
  key: string
}

/** A CA like the platform's own, that lives as long as a test. */
export interface TestCa {
  certificate: string
  /** A certificate as install issues it for an agent of this subscriber. */
  agent(subscriber: string): Promise<Issued>
  /** The same, out of date since yesterday. */
  expired(subscriber: string): Promise<Issued>
  /** A certificate as the switch has it. */
  switch(): Promise<Issued>
  /** A certificate for a name of somebody's server. */
  server(name: string): Promise<Issued>
}

export async function createTestCa(): Promise<TestCa> {
  const authority = await createAuthority(systemClock)
  return {
    certificate: authority.certificate,
    agent: (subscriber) => issueCertificate(systemClock, authority, { agentOf: subscriber }),
    expired: (subscriber) => issueCertificate(daysAgo(2), authority, { agentOf: subscriber }, 1),
    server: (name) => issueCertificate(systemClock, authority, { server: name, addresses: isIP(name) ? [name] : [] }),
    switch: () => issueCertificate(systemClock, authority, { server: 'switch.tieline' }),
  }
}

function daysAgo(days: number): Clock {
  return Object.assign(Object.create(systemClock), { wall: () => systemClock.wall() - days * 86_400_000 })
}
