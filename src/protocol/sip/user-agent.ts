import type { UserAgent, UserAgentOptions } from './types.ts'

/** Makes the user agent core of one socket. */
export function createUserAgent(options: UserAgentOptions): UserAgent {
  throw new Error(`no user agent on port ${options.transport.local.port} yet`)
}
