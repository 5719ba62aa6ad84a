import type { ServerStep } from './server-invite-fsm.ts'

/**
 * RFC 3261 §17.2.2: the server transaction of a request other than INVITE and ACK.
 *
 *      request       send 1xx             send 200-699           J
 *   ----------> Trying -----> Proceeding ------------> Completed ---> Terminated
 *                  +-----------------------------------^
 */
export type RequestServerState = 'Trying' | 'Proceeding' | 'Completed' | 'Terminated'

export type RequestServerEvent = 'request' | 'send 1xx' | 'send 200-699' | 'J'

/** What the transaction becomes and does. An event that a state does not name is absorbed. */
export function requestServer(state: RequestServerState, event: RequestServerEvent): ServerStep<RequestServerState> {
  switch (state) {
    case 'Trying':
      if (event === 'send 1xx') return { state: 'Proceeding', actions: ['send'] }
      if (event === 'send 200-699') return { state: 'Completed', actions: ['send', 'start J'] }
      // Not of the RFC: left unanswered for as long as the client waits (64*T1), there is nobody left to answer.
      if (event === 'J') return { state: 'Terminated', actions: [] }
      return { state, actions: [] }
    case 'Proceeding':
      if (event === 'request') return { state, actions: ['resend'] }
      if (event === 'send 1xx') return { state, actions: ['send'] }
      if (event === 'send 200-699') return { state: 'Completed', actions: ['send', 'start J'] }
      if (event === 'J') return { state: 'Terminated', actions: [] }
      return { state, actions: [] }
    case 'Completed':
      if (event === 'request') return { state, actions: ['resend'] }
      if (event === 'J') return { state: 'Terminated', actions: [] }
      return { state, actions: [] }
    case 'Terminated':
      return { state, actions: [] }
  }
}
