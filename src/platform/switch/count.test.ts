import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageCount } from './count.ts'

test('messages are counted by what they are and which way they go; what a far end makes up is one label', () => {
  const count = new MessageCount()
  for (const is of ['INVITE', 'INVITE', 'BYE', 'other', 'FROBNICATE', 'constructor', 200, 200, 486, 99, 700, 0]) count.came(is)
  count.left('INVITE', false)
  count.left('INVITE', true)
  count.left(699, true)
  const samples = count
    .metrics(7)
    .flatMap(({ name, samples }) =>
      samples.map(({ labels, value }) => `${name} ${Object.values(labels ?? {}).join(' ')} ${value}`),
    )
  assert.deepEqual(samples, [
    'tieline_sip_requests_total in INVITE 2',
    'tieline_sip_requests_total in BYE 1',
    'tieline_sip_requests_total in other 3',
    'tieline_sip_requests_total out INVITE 2',
    'tieline_sip_responses_total in other 3',
    'tieline_sip_responses_total in 200 2',
    'tieline_sip_responses_total in 486 1',
    'tieline_sip_responses_total out 699 1',
    'tieline_sip_retransmissions_total out 2',
    'tieline_sip_retransmissions_total in 7',
  ])
})
