import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '#lib/index.ts'
import { RecordingShelf } from '#platform/recording/index.ts'
import { subscriberSealer } from '#platform/subscriber/index.ts'
import { SHARED } from '#platform/words/index.ts'
import { dtmfFrequencies, heardTone } from '#protocol/audio/index.ts'
import { RTP_HEADER_BYTES, writeRtpHeader } from '#protocol/rtp/index.ts'
import { DID, World } from '../call/harness.ts'
import { type Commanded, Program } from '../call/program.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { startSipp } from '../peer/sipp.ts'
import { OK } from '../peer/sipp-scenario.ts'
import { type Datagram, udpPcap } from './udp-pcap.ts'
import { eventPayload } from './voice-phone.ts'

const CALLER = '+32470123456'

/** SIPp sends a file only in a call that has asked for a port in this way; captures leave from the other one. */
const SOUND = '[rtpstream_audio_port]'
const CAPTURE = '[media_port]'

interface Offer {
  port: string
  /** Payload type of telephone-events; none where it is not said. */
  events?: number
}

const sdp = ({ port, events }: Offer) => `v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio ${port} RTP/AVP 0${events === undefined ? '' : ` ${events}`}
a=rtpmap:0 PCMU/8000
${events === undefined ? '' : `a=rtpmap:${events} telephone-event/8000\n`}`

const request = (method: string, body: string, retrans: string) => `<send${retrans}><![CDATA[
${method} sip:[service]@[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:${CALLER}@[local_ip]>;tag=[call_number]
To: <sip:[service]@[remote_ip]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ${method}
Contact: <sip:sipp@[local_ip]:[local_port]>
${body ? 'Content-Type: application/sdp\n' : ''}Content-Length: [len]

${body}
]]></send>`

/** SIPp calls, does something with its sound, and waits to be hung up. */
const calls = (offer: Offer, exec: string) => `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="calls">
${request('INVITE', sdp(offer), ' retrans="500"')}
<recv response="100" optional="true"></recv>
<recv response="180" optional="true"></recv>
<recv response="200"></recv>
${request('ACK', '', '')}
<nop><action><exec ${exec}/></action></nop>
<recv request="BYE"></recv>
${OK}
</scenario>
`

const heard = (call: Call | undefined, hz: number) => (call?.report().media?.heard ?? []).filter(({ what }) => what === hz).length

/** A second of a tone, or keys of 100 ms, as raw PCMU by sox. */
async function sounds(...parts: { hz: readonly number[]; ms: number }[]): Promise<Buffer> {
  const directory = mkdtempSync(join(tmpdir(), 'tl-sox-'))
  try {
    const file = join(directory, 'part.ul')
    const all: Buffer[] = []
    for (const { hz, ms } of parts) {
      const tones = hz.flatMap((frequency) => ['sine', `${frequency}`])
      const synth = ['synth', `${ms / 1000}`, ...tones, 'remix', '-', 'vol', '0.4']
      await run('sox', ['-r', '8000', '-c', `${hz.length}`, '-n', file, ...synth])
      all.push(readFileSync(file), Buffer.alloc(800, 0xff))
    }
    return Buffer.concat(all)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Keys as RFC 4733 says, in a capture. */
function captured(keys: string, payloadType: number): Buffer {
  const packets: Datagram[] = []
  let sequence = 0
  ;[...keys].forEach((key, n) => {
    const put = (end: boolean, duration: number, ms: number) => {
      const bytes = new Uint8Array(RTP_HEADER_BYTES + 4)
      writeRtpHeader(bytes, duration === 160, payloadType, sequence++, 5000 + n * 1600, 0x1234)
      bytes.set(eventPayload('0123456789*#'.indexOf(key), end, duration), RTP_HEADER_BYTES)
      packets.push({ bytes, at: 1000 + n * 200 + ms, port: 6000 })
    }
    for (let frame = 1; frame <= 5; frame++) put(false, frame * 160, frame * 20)
    for (let again = 0; again < 3; again++) put(true, 800, 100 + again)
  })
  return udpPcap(packets)
}

test('S50 M08 SIPp as the far end of sound: its files, its echo, its keys in captures, as tones, and as it makes them itself', {
  timeout: 60_000,
}, async (t) => {
  await using world = await World.open({ voice: true, farEnds: false })
  const callee = await FarEnd.open({ address: `${world.net}.3`, port: 5060, name: 'second', watched: [400, 700] })
  world.defer(() => callee.close())
  let decide: (call: Commanded) => Promise<void> = async () => {}
  using _program = await Program.connect(world, (call) => decide(call))
  const at = (last: number) => ['-i', `${world.net}.${last}`, '-mi', `${world.net}.${last}`, '-p', '5060', '-m', '1']
  const sipp = (offer: Offer, exec: string, files: Record<string, Uint8Array>) =>
    startSipp(['-sf', 'calls.xml', '-s', DID, ...at(2), world.node.address], { 'calls.xml': calls(offer, exec), ...files })

  await t.test('the file that it sends is heard at the other end, and recorded', async () => {
    callee.rules = [{ user: '*', does: 'answer', ringMs: 10, tone: 700 }]
    let recording: `rec_${string}` | undefined
    decide = async (call) => {
      ;({ recording } = await call.do('call.dial', { target: { number: '+3225559000', trunk: 'other' }, record: 'stereo' }))
    }
    const file = await sounds({ hz: [400], ms: 2000 })
    await using caller = await sipp({ port: SOUND }, 'rtp_stream="tone.ul,-1,0"', { 'tone.ul': file })
    await until('the tone', () => heard(callee.calls[0], 400) >= 10, 8000)
    callee.calls[0]!.hangup()
    const { status, output } = await caller.ended
    assert.equal(status, 0, output)
    await world.quiet()
    const shelf = new RecordingShelf({
      directory: join(world.directory, SHARED.recordings),
      sealerOf: (subscriber) => subscriberSealer(world.sealingKey, subscriber),
    })
    await using reader = await shelf.open(world.acme, recording!)
    const parts: Buffer[] = []
    for await (const part of reader.read(44, reader.bytes)) parts.push(part)
    const pcm = new Int16Array(new Uint8Array(Buffer.concat(parts)).buffer)
    const side = (offset: 0 | 1) => pcm.filter((_, i) => i % 2 === offset).subarray(2400, 6400)
    assert.equal(heardTone(side(0), [400, 700]), 400)
    assert.equal(heardTone(side(1), [400, 700]), 700)
  })

  await t.test('a caller hears itself by its echo', async () => {
    decide = async (call) => void (await call.do('call.dial', { target: { pbx: '101' } }))
    await using _echo = await startSipp(['-sn', 'uas', '-rtp_echo', ...at(74)])
    const call = await callee.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
    await until('its own tone', () => heard(call, 400) >= 10, 8000)
    call.hangup()
    await world.quiet()
  })

  for (const [how, offer, exec, files] of [
    ['in a capture', { port: CAPTURE, events: 97 }, 'play_pcap_audio="keys.pcap"', { 'keys.pcap': captured('1550#', 97) }],
    [
      'as tones of a file',
      { port: SOUND },
      'rtp_stream="keys.ul,1,0"',
      { 'keys.ul': await sounds(...[...'1550#'].map((key) => ({ hz: dtmfFrequencies(key), ms: 100 }))) },
    ],
    ['of its own', { port: CAPTURE, events: 96 }, 'play_dtmf="1550#,60"', {}],
  ] as const) {
    await t.test(`its keys ${how} are gathered`, async () => {
      let gathered: unknown
      decide = async (call) => {
        gathered = await call.do('call.gather', { finishKey: '#', timeoutSeconds: 5 })
        await call.do('call.hangup', {})
      }
      await using caller = await sipp(offer, exec, files)
      const { status, output } = await caller.ended
      assert.equal(status, 0, output)
      assert.deepEqual(gathered, { digits: '1550', reason: 'finish-key' })
      await world.quiet()
    })
  }
})
