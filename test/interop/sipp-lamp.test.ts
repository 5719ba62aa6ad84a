import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import { DID, World } from '../call/harness.ts'
import { until } from '../peer/clock.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { register } from '../peer/sip/register.ts'
import { startSipp } from '../peer/sipp.ts'
import { OK } from '../peer/sipp-scenario.ts'

const PASSWORD = 'circle-of-life'

const ask = (method: string, sequence: number, to: string, more: string) => `<send retrans="500"><![CDATA[
${method} sip:${method === 'REGISTER' ? '102' : '101'}@[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:102@[remote_ip]>;tag=[call_number]
To: ${to}
Call-ID: [call_id]
CSeq: ${sequence} ${method}
Contact: <sip:102@[local_ip]:[local_port]>
${more}Content-Length: 0

]]></send>`

const [SELF, OTHER] = ['<sip:102@[remote_ip]>', '<sip:101@[remote_ip]>']
const AUTHENTICATION = `[authentication username=102 password=${PASSWORD}]\n`
const EVENT = 'Event: dialog\nAccept: application/dialog-info+xml\n'

/** A NOTIFY whose body, or Subscription-State, is like this; it is answered. */
const told = (pattern: string, variable: string, where = 'search_in="body"') => `<recv request="NOTIFY"><action>
<ereg regexp="${pattern}" ${where} check_it="true" assign_to="${variable}"/></action></recv>
${OK}`

/** SIPp as the telephone 102: registers, watches 101, is told of a call from ringing to its end, and ends it. */
const WATCHING = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="lamp">
${ask('REGISTER', 1, SELF, 'Expires: 60\n')}
<recv response="401" auth="true"></recv>
${ask('REGISTER', 2, SELF, `Expires: 60\n${AUTHENTICATION}`)}
<recv response="200"></recv>
${ask('SUBSCRIBE', 3, OTHER, `${EVENT}Expires: 60\n`)}
<recv response="401" auth="true"></recv>
${ask('SUBSCRIBE', 4, OTHER, `${EVENT}Expires: 60\n${AUTHENTICATION}`)}
<recv response="200"><action><ereg regexp=".*" search_in="hdr" header="To:" check_it="true" assign_to="1"/></action></recv>
${told('state=.full.', '2')}
${told('direction=.recipient.*early', '3')}
${told('confirmed', '4')}
${told('terminated', '5')}
${ask('SUBSCRIBE', 5, '[$1]', `${EVENT}Expires: 0\n`)}
<recv response="401" auth="true"></recv>
${ask('SUBSCRIBE', 6, '[$1]', `${EVENT}Expires: 0\n${AUTHENTICATION}`)}
<recv response="200"></recv>
${told('terminated;reason=timeout', '6', 'search_in="hdr" header="Subscription-State:"')}
<Reference variables="1,2,3,4,5,6"/>
</scenario>
`

test('RFC 4235 SIPp as a telephone of the site watches another one, from the ringing of its call to the end', {
  timeout: 60_000,
}, async () => {
  await using world = await World.open({ voice: true })
  const password = createSealer(world.sealingKey).seal(PASSWORD)
  await world.change({ telephones: ['101', '102'].map((name) => ({ name, password })), defaultRoute: { user: '101' } })
  const desk = await FarEnd.open({ address: `${world.net}.75`, port: 5060, name: 'desk', watched: [] })
  world.defer(() => desk.close())
  desk.rules = [{ user: '*', does: 'answer', ringMs: 1500 }]
  const own = { to: world.siteSwitch, user: '101', password: PASSWORD, expires: 60 }
  assert.equal((await register(desk.socket, own)).status, 200)
  const { address, port } = world.siteSwitch
  const here = `${world.net}.76`
  const args = ['-sf', 'lamp.xml', '-i', here, '-p', '5060', '-m', '1', `${address}:${port}`]
  await using sipp = await startSipp(args, { 'lamp.xml': WATCHING })
  const watched = async () => {
    const metric = (await world.link.call('metrics', {})).find(({ name }) => name === 'tieline_sip_subscriptions')
    return metric!.samples[0]!.value
  }
  await until('its subscription', async () => (await watched()) === 1, 6000)
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('an answer', () => call.phase === 'up', 5000)
  await new Promise((resolve) => setTimeout(resolve, 1100))
  call.hangup()
  const { status, output } = await sipp.ended
  assert.equal(status, 0, output)
  assert.equal(await watched(), 0)
  await world.quiet()
})
