import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inviteClient } from './client-invite-fsm.ts'
import { requestClient } from './client-request-fsm.ts'
import { inviteServer } from './server-invite-fsm.ts'
import { requestServer } from './server-request-fsm.ts'

type Fsm = (state: never, event: never) => { state: string; actions: readonly string[] }

/** Every row: state, event, next state, actions. */
function hold(fsm: Fsm, rows: readonly (readonly [string, string, string, ...string[]])[]): void {
  for (const [state, event, next, ...actions] of rows) {
    assert.deepEqual(fsm(state as never, event as never), { state: next, actions }, `${state} + ${event}`)
  }
}

test('the INVITE client obeys RFC 3261 figure 5 and RFC 6026 figure 3', () => {
  hold(inviteClient as Fsm, [
    ['Calling', 'A', 'Calling', 'send', 'double A'],
    ['Calling', 'B', 'Terminated', 'timeout'],
    ['Calling', '1xx', 'Proceeding', 'stop A', 'pass'],
    ['Calling', '2xx', 'Accepted', 'stop A', 'start M', 'pass'],
    ['Calling', '300-699', 'Completed', 'stop A', 'ack', 'start D', 'pass'],
    ['Proceeding', '1xx', 'Proceeding', 'pass'],
    ['Proceeding', 'A', 'Proceeding'],
    ['Proceeding', '2xx', 'Accepted', 'start M', 'pass'],
    ['Proceeding', '300-699', 'Completed', 'ack', 'start D', 'pass'],
    ['Proceeding', 'B', 'Terminated', 'timeout'],
    ['Completed', '300-699', 'Completed', 'ack'],
    ['Completed', '2xx', 'Completed'],
    ['Completed', '1xx', 'Completed'],
    ['Completed', 'D', 'Terminated'],
    ['Accepted', '2xx', 'Accepted', 'pass'],
    ['Accepted', '300-699', 'Accepted', 'ack'],
    ['Accepted', '1xx', 'Accepted'],
    ['Accepted', 'M', 'Terminated'],
    ['Terminated', '2xx', 'Terminated'],
  ])
})

test('the non-INVITE client obeys RFC 3261 figure 6', () => {
  hold(requestClient as Fsm, [
    ['Trying', 'E', 'Trying', 'send', 'double E'],
    ['Trying', 'F', 'Terminated', 'timeout'],
    ['Trying', '1xx', 'Proceeding', 'pass'],
    ['Trying', '200-699', 'Completed', 'start K', 'pass'],
    ['Proceeding', 'E', 'Proceeding', 'send', 'E to T2'],
    ['Proceeding', 'F', 'Terminated', 'timeout'],
    ['Proceeding', '1xx', 'Proceeding', 'pass'],
    ['Proceeding', '200-699', 'Completed', 'start K', 'pass'],
    ['Completed', '200-699', 'Completed'],
    ['Completed', 'K', 'Terminated'],
    ['Terminated', '200-699', 'Terminated'],
  ])
})

test('the INVITE server obeys RFC 3261 figure 7 and RFC 6026 figure 5', () => {
  hold(inviteServer as Fsm, [
    ['Proceeding', 'INVITE', 'Proceeding', 'resend'],
    ['Proceeding', 'send 1xx', 'Proceeding', 'send'],
    ['Proceeding', 'send 2xx', 'Accepted', 'send', 'start L'],
    ['Proceeding', 'send 300-699', 'Completed', 'send', 'start G', 'start H'],
    ['Proceeding', 'ACK', 'Proceeding'],
    ['Completed', 'INVITE', 'Completed', 'resend'],
    ['Completed', 'G', 'Completed', 'resend', 'double G'],
    ['Completed', 'ACK', 'Confirmed', 'stop G', 'start I'],
    ['Completed', 'H', 'Terminated', 'stop G'],
    ['Completed', 'send 2xx', 'Completed'],
    ['Confirmed', 'ACK', 'Confirmed'],
    ['Confirmed', 'INVITE', 'Confirmed'],
    ['Confirmed', 'I', 'Terminated'],
    ['Accepted', 'INVITE', 'Accepted'],
    ['Accepted', 'ACK', 'Accepted'],
    ['Accepted', 'L', 'Terminated'],
    ['Terminated', 'INVITE', 'Terminated'],
  ])
})

test('the non-INVITE server obeys RFC 3261 figure 8', () => {
  hold(requestServer as Fsm, [
    ['Trying', 'request', 'Trying'],
    ['Trying', 'send 1xx', 'Proceeding', 'send'],
    ['Trying', 'send 200-699', 'Completed', 'send', 'start J'],
    ['Trying', 'J', 'Terminated'],
    ['Proceeding', 'request', 'Proceeding', 'resend'],
    ['Proceeding', 'send 1xx', 'Proceeding', 'send'],
    ['Proceeding', 'send 200-699', 'Completed', 'send', 'start J'],
    ['Proceeding', 'J', 'Terminated'],
    ['Completed', 'request', 'Completed', 'resend'],
    ['Completed', 'send 200-699', 'Completed'],
    ['Completed', 'J', 'Terminated'],
    ['Terminated', 'request', 'Terminated'],
  ])
})
