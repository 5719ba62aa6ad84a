import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import packet from 'dns-packet'
import { until } from '../../test/peer/index.ts'
import { OFFICE, PUBLIC } from '../../test/world/index.ts'
import { common, compareParties, inClear } from '../../test/world/isolation.ts'
import { hears, quiet } from '../ask.ts'
import { bundle } from '../bundle.ts'
import { NUMBERS, type Stage, TONES } from '../stage.ts'
import { sandboxOf } from './5-agent-dies.ts'

interface Knock {
  /** Set for what is told of one by one; the rest is a scan, of which only answers are told. */
  name?: string
  protocol: 'tcp' | 'udp'
  address: string
  port: number
  payload?: string
}

type Knocked = Knock & { result: string }

/** Packets of all scenes are compared, and a program in acme's sandbox tries to get out. */
export async function isolation(stage: Stage): Promise<void> {
  const subscriber = await stage.platform.api<{ channel: { address: string } }>('GET', '/v1/subscribers/acme')
  await insideTheSandbox(stage, subscriber.channel.address)
  seenFromOutside(stage)
  await onTheWire(stage)
}

/** A SIP OPTIONS that asks for an answer to wherever it came from. */
function options(address: string): string {
  const lines = [
    `OPTIONS sip:probe@${address} SIP/2.0`,
    'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKprobe;rport',
    'From: <sip:probe@192.0.2.1>;tag=probe',
    `To: <sip:probe@${address}>`,
    'Call-ID: probe',
    'CSeq: 1 OPTIONS',
    'Max-Forwards: 70',
    'Content-Length: 0',
    '',
    '',
  ]
  return Buffer.from(lines.join('\r\n')).toString('base64')
}

/** What must answer, so that the probe is known to be able to hear. */
function ownSite(): Knock[] {
  const question = packet.encode({ type: 'query', id: 7, questions: [{ type: 'A', name: 'crm.office.lan' }] })
  return [
    { name: 'own CRM', protocol: 'tcp', address: OFFICE.crm, port: 5432 },
    { name: 'own DNS', protocol: 'udp', address: OFFICE.dns, port: 53, payload: question.toString('base64') },
    { name: 'own PBX', protocol: 'udp', address: OFFICE.pbx, port: 5060, payload: options(OFFICE.pbx) },
  ]
}

/** What must not answer: the platform's ports here, the node's network, the other office, the internet. */
function strangers(own: string): Knock[] {
  const knocks: Knock[] = []
  const udp = (address: string, port: number) =>
    knocks.push({ name: `${address}`, protocol: 'udp', address, port, payload: options(address) })
  const tcp = (address: string, port: number) => knocks.push({ name: `${address}`, protocol: 'tcp', address, port })
  for (const address of [own, '127.0.0.1', PUBLIC.node]) {
    for (const port of [5060, 51820, 51821, 16384, 16386, 16400]) udp(address, port)
    for (const port of [5060, 5432, 8080, 22]) tcp(address, port)
    for (let port = 1; port <= 1024; port++) knocks.push({ protocol: 'tcp', address, port })
  }
  for (const address of [PUBLIC.carrier, '203.0.113.21', '203.0.113.22', '192.0.2.53', '169.254.169.254']) {
    udp(address, 5060)
    tcp(address, 80)
  }
  return knocks
}

async function insideTheSandbox(stage: Stage, own: string): Promise<void> {
  const { platform, world } = stage
  const folder = bundle('demo/probe', join(world.directory, 'probe'))
  const state = join(world.directory, 'state')
  const files = [state, '/etc/shadow', '/root', '/run/netns', '/sys', '/home', join(state, 'run')]
  writeFileSync(join(folder, 'targets.json'), JSON.stringify({ knocks: [...ownSite(), ...strangers(own)], files }))
  await platform.cli('agent', 'deploy', 'acme', folder)
  stage.tell('demo', "deploys a program to acme's sandbox that knocks at everything", 'tieline agent deploy')
  const lines = await until(
    'the probe to have looked round',
    async () => {
      const { lines } = await platform.api<{ lines: string[] }>('GET', '/v1/subscribers/acme/agent/logs?lines=2000')
      return lines.some((line) => line.includes('PROBED')) ? lines : null
    },
    60_000,
    200,
  )
  const read = <T>(mark: string) =>
    lines.flatMap((line) =>
      line.includes(`${mark} {`) ? [JSON.parse(line.slice(line.indexOf('{', line.indexOf(mark)))) as T] : [],
    )
  const knocked = read<Knocked>('PROBE')
  heardItsOwn(knocked)
  const answers = knocked.filter(({ name, result }) => !name?.startsWith('own') && /^(answered|connected)/.test(result))
  assert.deepEqual(answers, [], 'nothing but its own site answers')
  const [around] = read<Surroundings>('SURROUNDINGS')
  assert.ok(around)
  checkSurroundings(around, own)
  const tried = ownSite().length + strangers(own).length
  stage.story.proof(`of ${tried} ports that it knocked at, its own CRM, DNS and PBX answered, and nothing else`)
  await echoes(stage)
}

/** Sound goes into the sandbox and comes back out of it. */
async function echoes(stage: Stage): Promise<void> {
  const { carrier } = stage
  const call = await stage.call(NUMBERS.unknown, NUMBERS.acme, TONES.callerA)
  await hears({ peer: carrier, call }, TONES.callerA)
  await carrier.hangup(call)
  stage.story.proof(`its caller's ${TONES.callerA} Hz went to it as a stream, and came back`)
  await quiet(stage)
}

function heardItsOwn(knocked: Knocked[]): void {
  const of = (name: string) => knocked.find((knock) => knock.name === name)?.result ?? 'not tried'
  assert.equal(of('own CRM'), 'connected')
  assert.match(of('own DNS'), /^answered/)
  assert.match(of('own PBX'), /^answered SIP\/2\.0 200.*Server: acme-pbx/s, "192.168.1.10 is acme's, not globex's")
}

interface Surroundings {
  processes: number
  capabilities: string
  noNewPrivileges: string
  addresses: string[]
  root: string[]
  link: string[]
  secrets: Record<string, string>
  writes: string
  environment: string[]
}

function checkSurroundings(around: Surroundings, own: string): void {
  assert.equal(around.capabilities, '0000000000000000')
  assert.equal(around.noNewPrivileges, '1')
  assert.ok(around.processes <= 3, `it sees ${around.processes} processes: its own`)
  assert.deepEqual(
    around.addresses.filter((address) => address !== own && address !== '127.0.0.1'),
    [],
  )
  const others = around.link.filter((name) => !/^(link|audio-\d+)\.sock$/.test(name))
  assert.deepEqual(others, [], 'of the platform it has its link and the doors of its calls’ sound')
  assert.ok(around.link.includes('link.sock'))
  for (const [path, seen] of Object.entries(around.secrets)) assert.equal(seen, 'ENOENT', path)
  assert.match(around.writes, /EROFS|EACCES/)
  assert.deepEqual(
    around.environment.filter((name) => /KEY|SECRET|TOKEN|PASS/i.test(name)),
    [],
  )
}

/** Uids in the outer /proc: the kernel's own view (real, effective, saved, file system). */
function seenFromOutside(stage: Stage): void {
  const uids: Record<string, string[]> = {}
  for (const name of ['acme', 'globex'])
    for (const { pid } of sandboxOf(stage, name)) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      const ids = /^Uid:\s+(.+)$/m.exec(status)![1]!.split(/\s+/)
      assert.ok(!ids.includes('0'), `${name}'s process ${pid} is not root`)
      assert.equal(new Set(ids).size, 1)
      uids[name] = [...new Set([...(uids[name] ?? []), ids[0]!])]
    }
  assert.equal(uids.acme?.length, 1)
  assert.equal(uids.globex?.length, 1)
  assert.notEqual(uids.acme![0], uids.globex![0], 'each subscriber has a uid of its own')
  stage.story.proof(`seen from outside, acme's agent is uid ${uids.acme![0]}, globex's uid ${uids.globex![0]}: neither is root`)
}

/** No packet of one office was in a namespace of the other, in any scene. */
async function onTheWire(stage: Stage): Promise<void> {
  const { world } = stage
  await world.flushCaptures()
  const files = world.captures
  const of = (name: string) =>
    [...files]
      .filter(([role]) => ['pbx', 'crm', 'dns'].some((m) => role === `${name}-${m}`) || role === `platform-${name}`)
      .map(([, file]) => file)
  const report = compareParties({ acme: of('acme'), globex: of('globex') })
  assert.deepEqual(report.shared, [], 'no packet was in both')
  for (const role of ['node', 'net', 'carrier']) {
    const clear = inClear(files.get(role)!, '192.168.')
    assert.deepEqual(clear.slice(0, 3), [], `nothing of an office is in clear at ${role}`)
  }
  for (const name of ['acme', 'globex']) {
    const through = common(files.get(`platform-${name}`)!, files.get(`${name}-pbx`)!)
    assert.ok(through > 10, `the captures do see what passes: ${through} packets of ${name} at both ends of its tunnel`)
  }
  stage.story.proof(
    `of ${report.counts.acme} packets of acme and ${report.counts.globex} of globex, captured in all namespaces during all scenes, none was in the other's`,
  )
}
