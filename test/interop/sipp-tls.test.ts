import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import { createTestCa } from '../call/agent-ca.ts'
import { DID, PUBLIC, World } from '../call/harness.ts'
import { reach } from '../call/stream-caller.ts'
import { until } from '../peer/clock.ts'
import { listening } from '../peer/listening.ts'
import { startSipp } from '../peer/sipp.ts'

const CALLS = 5
const [TLS_PORT, SIPP_PORT, DOOR_PORT] = [5061, 5070, 5071]

/** SIPp's own scenario as one that speaks TLS would write it: Debian's has none, so that socat does that beside it. */
function scenario(name: 'uac' | 'uas', at: string, to: string): string {
  const { stdout } = spawnSync('sipp', ['-sd', name], { encoding: 'utf8' })
  return stdout
    .replaceAll('SIP/2.0/[transport]', 'SIP/2.0/TLS')
    .replaceAll('transport=[transport]', 'transport=tls')
    .replaceAll('Contact: sip:sipp@[local_ip]:[local_port]', `Contact: <sip:sipp@${at}:${TLS_PORT};transport=tls>`)
    .replaceAll('[local_ip]:[local_port]', `${at}:${TLS_PORT}`)
    .replaceAll('[remote_ip]:[remote_port]', to)
}

const pem = ({ certificate, key }: { certificate: string; key: string }) => `${certificate}\n${key}`

function file(world: World, name: string, content: string): string {
  writeFileSync(join(world.directory, name), content, { mode: 0o600 })
  return join(world.directory, name)
}

function socat(world: World, from: string, to: string): void {
  const child = spawn('socat', [from, to], { stdio: 'ignore', detached: true })
  // With what it has made for each connection.
  world.defer(() => void process.kill(-child.pid!, 'SIGKILL'))
}

test('SIPp calls SIPp through the switch over TLS by socat, with certificates that are asked for on both sides', {
  timeout: 60_000,
}, async () => {
  const carriers = await createTestCa()
  await using world = await World.open({ sipTls: await carriers.switch(), farEnds: false })
  const shown = await carriers.agent(world.acme)
  const key = createSealer(world.sealingKey).seal(shown.key)
  await reach(
    world,
    { transport: 'tls', port: TLS_PORT },
    { ca: carriers.certificate, certificate: shown.certificate, key, serverName: 'switch.tieline' },
  )
  const ca = file(world, 'carriers.pem', carriers.certificate)
  const server = file(world, 'server.pem', pem(await carriers.switch()))
  const client = file(world, 'client.pem', pem(await carriers.agent(world.acme)))
  const [caller, callee] = [`${world.net}.2`, `${world.net}.3`]
  const trust = `cafile=${ca},verify=1`
  socat(world, `OPENSSL-LISTEN:${TLS_PORT},bind=${callee},reuseaddr,fork,cert=${server},${trust}`, `TCP:${callee}:${SIPP_PORT}`)
  socat(
    world,
    `TCP-LISTEN:${DOOR_PORT},bind=${caller},reuseaddr,fork`,
    `OPENSSL:${world.node.address}:${TLS_PORT},bind=${caller},cert=${client},commonname=switch.tieline,${trust}`,
  )
  const to = `${world.node.address}:${TLS_PORT}`
  const common = (name: string, at: string) => ['-sf', name, '-t', 't1', '-i', at, '-p', `${SIPP_PORT}`, '-m', `${CALLS}`]
  await Promise.all([listening(callee, TLS_PORT), listening(caller, DOOR_PORT)])
  await using uas = await startSipp(common('uas.xml', callee), { 'uas.xml': scenario('uas', callee, to) })
  const calls = [...common('uac.xml', caller), '-s', DID, '-r', '5', '-d', '200', `${caller}:${DOOR_PORT}`]
  await using uac = await startSipp(calls, { 'uac.xml': scenario('uac', caller, to) })
  const [called, calling] = [await uas.ended, await uac.ended]
  assert.equal(calling.status, 0, calling.output)
  assert.equal(called.status, 0, called.output)
  await world.quiet()
  const cleared = (await world.events()).filter((event) => event.type === 'call.cleared')
  assert.deepEqual(
    cleared.map(({ cause }) => cause?.reason),
    Array(CALLS).fill('hangup'),
  )
})

test('SIPp as a PBX behind an OpenSSL that demands a certificate: none, one that is out of date, and a stranger’s are refused and it is told why; a good one is shown', {
  timeout: 60_000,
}, async () => {
  const office = await createTestCa()
  await using world = await World.open({ voice: true, subscriber: { defaultRoute: { pbx: '101' } } })
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const pbx = `${world.net}.76`
  const [ca, server] = [
    file(world, 'office.pem', office.certificate),
    file(world, 'pbx.pem', pem(await office.server('pbx.office.lan'))),
  ]
  const door = `OPENSSL-LISTEN:${TLS_PORT},bind=${pbx},reuseaddr,fork,cert=${server},cafile=${ca},verify=1`
  socat(world, door, `TCP:${pbx}:${SIPP_PORT}`)
  const at = `${world.siteSwitch.address}:${TLS_PORT}`
  const args = ['-sf', 'uas.xml', '-t', 't1', '-i', pbx, '-p', `${SIPP_PORT}`, '-m', '1']
  await using uas = await startSipp(args, { 'uas.xml': scenario('uas', pbx, at) })
  await Promise.all([listening(pbx, TLS_PORT), listening(pbx, SIPP_PORT)])
  const call = async (shown?: { certificate: string; key: string }) => {
    const key = shown && createSealer(world.sealingKey).seal(shown.key)
    const tls = { ca: office.certificate, serverName: 'pbx.office.lan' }
    const secured = shown ? { ...tls, certificate: shown.certificate, key: key! } : tls
    const site = world.snapshot.subscribers[0]!.site
    const where = { host: pbx, port: TLS_PORT, transport: 'tls' as const, number: PUBLIC, tls: secured }
    await world.change({ site: { ...site, pbx: where } })
    const placed = await world.second.place({ to: world.node, from: '+32470123456', number: DID })
    await until('an answer', () => placed.phase !== 'setup', 8000)
    assert.equal(placed.phase, 'up')
    placed.hangup()
    await world.quiet()
    return (await world.events()).findLast(({ type }) => type === 'leg.diverted')?.cause?.text
  }
  assert.match((await call())!, /it demands a certificate of ours, and there is none/)
  assert.match((await call(await office.expired(world.acme)))!, /it says that our certificate is out of date/)
  assert.match((await call(await (await createTestCa()).agent(world.acme)))!, /it does not trust the CA of our certificate/)
  const before = (await world.events()).length
  await call(await office.agent(world.acme))
  assert.deepEqual(
    (await world.events()).slice(before).filter(({ type }) => type === 'leg.diverted'),
    [],
  )
  const { status, output } = await uas.ended
  assert.equal(status, 0, output)
})
