import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '#lib/index.ts'
import type { MediaStats } from '#platform/words/index.ts'
import { DID, World } from '../call/harness.ts'
import { Baresip } from '../peer/baresip.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'

const ADDRESS = '127.0.0.1'
const GCM = 'AEAD_AES_128_GCM'
const COUNTER = 'AES_CM_128_HMAC_SHA1_80'
/** Octets by which each suite makes a packet longer: its tag (RFC 3711 §5, RFC 7714 §13.1). */
const TAG = { [GCM]: 16, [COUNTER]: 10 }
/** 20 ms of G.711. */
const FRAME = 160

const heard = (call: Call, what: number) => (call.report().media?.heard ?? []).filter((h) => h.what === what).length
/** A port of the loopback below the ephemeral range. */
const port = () => 15_000 + randomInt(45) * 4

/** What the kernel sees go by on the loopback, until it is read. */
async function wire(world: World): Promise<{ file: string; end(): Promise<void> }> {
  const file = join(world.directory, 'wire.pcap')
  const capture: ChildProcess = spawn('tcpdump', ['-i', 'lo', '-n', '-U', '-Z', 'root', '-w', file, 'udp'])
  world.defer(() => void capture.kill('SIGKILL'))
  await once(capture.stderr!, 'data')
  const end = async () => {
    const exited = once(capture, 'exit')
    capture.kill('SIGINT')
    await exited
  }
  return { file, end }
}

/** What tshark reads of the packets that match, field by field. */
async function tshark(file: string, filter: string, fields: readonly string[]): Promise<string[][]> {
  const args = ['-r', file, '-Y', filter, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])]
  const text = await run('tshark', args, { timeoutMs: 30_000 })
  return text.split('\n').flatMap((line) => (line.trim() ? [line.split('\t')] : []))
}

/** tshark finds our keys in what we said, whole, and takes what we sent for sound protected by the suite. */
async function seen(file: string, { sip, suite, method }: { sip: string; suite: keyof typeof TAG; method: 'offer' | 'answer' }) {
  const from = `ip.src == ${sip} && ip.dst == ${ADDRESS}`
  const said = method === 'offer' ? 'sip.Method == "INVITE"' : 'sip.Status-Code == 200 && sip.CSeq.method == "INVITE"'
  const about = ['sdp.media.proto', 'sdp.crypto.crypto_suite', 'sdp.key_and_salt', '_ws.malformed']
  const [proto, suites, keys, malformed] = (await tshark(file, `${from} && ${said} && sdp`, about))[0]!
  assert.deepEqual([proto, malformed], ['RTP/SAVP', ''])
  const named = suites!.split(',')
  assert.equal(keys!.split(',').length, named.length, 'a key for each')
  if (method === 'answer') assert.deepEqual(named, [suite])
  else assert.ok(named.includes(suite), suites)
  const lengths = (await tshark(file, `${from} && srtp.enc_payload`, ['udp.length'])).map(([length]) => Number(length))
  const whole = lengths.filter((length) => length === 8 + 12 + FRAME + TAG[suite])
  assert.ok(
    whole.length > 20 && whole.length > 0.9 * lengths.length,
    `${whole.length} of ${lengths.length}: ${lengths.slice(-3)}`,
  )
}

/** Nothing but what came before the keys were known was refused on either leg. */
async function allOpened(world: World): Promise<void> {
  const cleared = (await world.events()).filter(({ type }) => type === 'leg.cleared')
  assert.equal(cleared.length, 2)
  for (const { data } of cleared) {
    const media = data.media as MediaStats
    assert.ok(media.packetsRefused < 25 && media.packetsReceived > 40, JSON.stringify(media))
  }
}

test(`M14 baresip as a carrier that insists on SRTP calls in by ${COUNTER}: tshark reads our answer and takes our sound for SRTP`, async () => {
  await using world = await World.open({ voice: true })
  const [sip, controlPort] = [port(), port() + 2]
  const trunks = world.snapshot.trunks.map((trunk) =>
    trunk.name === 'main' ? { ...trunk, srtp: 'required' as const, gateways: [{ address: ADDRESS, port: sip }] } : trunk,
  )
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 20, tone: 700 }]
  const { file, end } = await wire(world)
  await using baresip = await Baresip.start({
    ...{ address: ADDRESS, port: sip, controlPort, user: '+32470123456', tone: 400, srtp: 'required' },
  })
  baresip.command('dial', `sip:${DID}@${world.node.address}:${world.node.port}`)
  await until('an answer', () => baresip.events.includes('CALL_ESTABLISHED'), 6000)
  await until('its tone', () => heard(world.second.calls[0]!, 400) >= 15, 6000)
  baresip.command('hangup')
  await until('its record of ours', () => baresip.heard([400, 700]).filter((h) => h === 700).length >= 5, 6000)
  await world.quiet()
  await end()
  await allOpened(world)
  await seen(file, { sip: world.node.address, suite: COUNTER, method: 'answer' })
})

test(`M14 baresip as the PBX of a site takes ${GCM} of what we offer: tshark reads our offer and takes our sound for SRTP`, async () => {
  await using world = await World.open({ voice: true, subscriber: { defaultRoute: { pbx: '101' } } })
  const sip = port()
  const { channel } = world.snapshot.subscribers[0]!
  await world.change({
    channel: { ...channel, siteNetworks: [...channel.siteNetworks, `${ADDRESS}/32`] },
    site: { pbx: { host: ADDRESS, port: sip }, srtp: 'required' },
  })
  const { file, end } = await wire(world)
  await using baresip = await Baresip.start({ address: ADDRESS, port: sip, user: '101', tone: 700, srtp: 'required' })
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  await until('its tone', () => heard(call, 700) >= 15, 8000)
  call.hangup()
  await until('its record of ours', () => baresip.heard([400, 700]).filter((h) => h === 400).length >= 5, 6000)
  await world.quiet()
  await end()
  await allOpened(world)
  await seen(file, { sip: world.siteSwitch.address, suite: GCM, method: 'offer' })
})
