import type { ClientStep } from './client-invite-fsm.ts'

/**
 * RFC 3261 §17.1.2: the client transaction of a request other than INVITE and ACK.
 *
 *      E: send        | request sent       F: timeout
 *        +------ Trying --------------------------+
 *                  |  \  200-699                  |
 *              1xx v   \------> Completed         |
 *              Proceeding ---------^  | K         |
 *        E: send every T2             v           v
 *                                 Terminated <----+
 */
export type RequestClientState = 'Trying' | 'Proceeding' | 'Completed' | 'Terminated'

export type RequestClientEvent = '1xx' | '200-699' | 'E' | 'F' | 'K'

/** What the transaction becomes and does. An event that a state does not name is absorbed. */
export function requestClient(state: RequestClientState, event: RequestClientEvent): ClientStep<RequestClientState> {
  switch (state) {
    case 'Trying':
      // §17.1.2.2: timer E doubles up to T2.
      if (event === 'E') return { state, actions: ['send', 'double E'] }
      if (event === 'F') return { state: 'Terminated', actions: ['timeout'] }
      if (event === '1xx') return { state: 'Proceeding', actions: ['pass'] }
      if (event === '200-699') return { state: 'Completed', actions: ['start K', 'pass'] }
      return { state, actions: [] }
    case 'Proceeding':
      // §17.1.2.2: from here on timer E is T2 each time.
      if (event === 'E') return { state, actions: ['send', 'E to T2'] }
      if (event === 'F') return { state: 'Terminated', actions: ['timeout'] }
      if (event === '1xx') return { state, actions: ['pass'] }
      if (event === '200-699') return { state: 'Completed', actions: ['start K', 'pass'] }
      return { state, actions: [] }
    case 'Completed':
      if (event === 'K') return { state: 'Terminated', actions: [] }
      return { state, actions: [] }
    case 'Terminated':
      return { state, actions: [] }
  }
}
