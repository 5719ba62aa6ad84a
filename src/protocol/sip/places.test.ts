import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Dialog, nextPlace } from './dialog.ts'
import { Places } from './places.ts'
import { hop } from './simulated-network.ts'
import type { Hop, UserAgentOptions } from './types.ts'

test('a target that is plainly where the dialog came about leads there, and all others where its parts say', () => {
  const places = new Places({ reaches: () => true } as unknown as UserAgentOptions)
  const hosts = ['10.0.0.1', '10.0.0.10', '10.0.0.2', '110.0.0.1', '[2001:db8::1]', 'a.example']
  const ports = ['', ':5060', ':5080', ':50', ':50600', ':05060', ':']
  const params = [
    '',
    ';transport=udp',
    ';transport=UDP',
    ';transport=tcp',
    ';transport=udpx',
    ';lr',
    ';x=@10.0.0.1:5060',
    '?a=b',
    ' ',
  ]
  const hops: Hop[] = [hop('10.0.0.1'), hop('10.0.0.1', 5080), { ...hop('10.0.0.1'), transport: 'tcp' }]
  for (const came of hops) {
    for (const scheme of ['sip:', 'sips:', 'SIP:', 'tel:', '']) {
      for (const user of ['', 'b@', '+1;p=q@', '10.0.0.1:5060@']) {
        for (const rest of hosts.flatMap((host) => ports.flatMap((port) => params.map((param) => `${host}${port}${param}`)))) {
          const remoteTarget = `${scheme}${user}${rest}`
          const dialog = { routeSet: [], remoteTarget, hop: came } as unknown as Dialog
          const place = nextPlace(dialog)
          const expected = place && 'address' in place ? place : came
          assert.deepEqual(places.nextHop(dialog), expected, remoteTarget)
        }
      }
    }
  }
})
