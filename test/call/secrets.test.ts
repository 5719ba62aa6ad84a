import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
import { createSealer } from '#platform/subscriber/index.ts'
import type { Sealed } from '#platform/words/index.ts'
import { bundle } from '../../demo/bundle.ts'
import { Baresip } from '../peer/baresip.ts'
import { until } from '../peer/index.ts'
import { OFFICE, PUBLIC } from '../world/index.ts'
import { readPcap } from '../world/pcap.ts'
import { filesBelow, findSecrets, type Place, processPlaces, type Secret } from '../world/search.ts'
import { groupsOf } from '../world/sweep.ts'
import { OfficeWorld } from './office-world.ts'

const HEP_PORT = 9060
const CARRIER = { user: 'tieline', password: 'carriers-own-pass-phrase' }

/** Records the caller, then rings the telephone `desk`. */
const PROGRAM = `import { agent } from '@tieline/agent'
export default agent({
  async call(call) {
    console.log('a call')
    await call.record({ maxSeconds: 1 })
    await call.dial({ user: 'desk' }, { timeout: 5 })
  },
})`

/** All values below a value that are sealed, by where they stand. */
function sealedIn(value: unknown, path: string): { name: string; value: Sealed }[] {
  if (typeof value === 'string') return /^v1\.[\w-]+\.[\w-]+\.[\w-]+$/.test(value) ? [{ name: path, value: value as Sealed }] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) => sealedIn(each, `${path}.${key}`))
}

test('F15 a run with every kind of secret: none is to be read in logs, traces, HEP, figures, events, files, processes or the database', async () => {
  await using scene = await OfficeWorld.open({
    offices: ['acme', 'globex'],
    settings: { hep: { address: PUBLIC.carrier, port: HEP_PORT, captureId: 7 } as never, log: { level: 'debug' } },
    install: ['--telephone', 'desk', '--srtp', 'offered'],
    before: async (office, world) => {
      await world.capture(world.carrierSpace)
      await world.capture(office.machines.pbx)
    },
  })
  await play(scene)
  const { platform, world } = scene
  const state = join(world.directory, 'state')
  const places = [...(await told(scene)), ...(await rows(state)), ...processPlaces(pidsOf(world.id))]
  await platform.stop()
  await world.stopCaptures()
  const hep = [...readPcap(world.captures.get('carrier')!)].filter(({ ports }) => ports?.destination === HEP_PORT)
  places.push({ name: 'HEP', content: Buffer.concat(hep.map(({ payload }) => payload)) })
  places.push({ name: 'the log', content: readFileSync(platform.logFile) })
  places.push(...filesBelow(state, /^secret\/|^control\/operator\.key$|^tree\/|^node\//))
  const secrets = secretsOf(scene, state)

  // What is searched is what was meant, and the search does find.
  const kinds = [
    'site key of acme',
    'preshared key',
    'API key of globex',
    'telephone of acme',
    'media key',
    'database',
    'privateKey',
  ]
  for (const kind of [...kinds, 'agent.key', 'tls.key', 'password', 'switchCertificate.key'])
    assert.ok(
      secrets.some(({ name }) => name.includes(kind)),
      kind,
    )
  for (const [name, mark] of [
    ['HEP', 'INVITE sip:'],
    ['HEP', 'a=crypto:(removed)'],
    ['trace', 'a=crypto:(removed)'],
    ['the log', 'acme'],
    ['public.subscriber', 'acme'],
    ['metrics', 'tieline_'],
    ['trace', 'INVITE'],
    ['agent/logs', 'a call'],
    ['journal', 'call.cleared'],
    ['cmdline', 'wireguard-go'],
  ])
    assert.ok(
      places.some((place) => place.name.includes(name!) && place.content.includes(mark!)),
      `${mark} in ${name}`,
    )
  assert.deepEqual(findSecrets(secrets, places), [])
})

/** A call of each kind: recorded, protected, to a telephone that has shown its password, through a carrier that asks for ours. */
async function play(scene: OfficeWorld): Promise<void> {
  const { world, platform, installed } = scene
  const { carrier } = world
  const acme = world.office('acme')
  const source = join(world.directory, 'program')
  mkdirSync(source)
  writeFileSync(join(source, 'index.js'), PROGRAM)
  const dependencies = { '@tieline/agent': '*' }
  writeFileSync(join(source, 'package.json'), JSON.stringify({ name: 'secrets', type: 'module', main: 'index.js', dependencies }))
  await platform.cli('agent', 'deploy', 'acme', bundle(source, join(world.directory, 'bundled')), '--wait')
  await carrier.password(CARRIER)
  await platform.api('PATCH', '/v1/trunks/carrier', { auth: CARRIER, registerSeconds: 60 })
  const { channel } = await platform.api<{ channel: { address: string } }>('GET', '/v1/subscribers/acme')
  await using _desk = await Baresip.start({
    ...{ address: OFFICE.pbx, port: 5070, user: 'desk', tone: 700, srtp: 'required', enter: acme.machines.pbx.enter },
    register: { at: `${channel.address}:5060`, password: installed.get('acme')!.telephones[0]!.password },
  })
  const registered = async () => {
    const { items } = await platform.api<{ items: { contacts: unknown[] }[] }>('GET', '/v1/subscribers/acme/telephones')
    return items.some(({ contacts }) => contacts.length > 0)
  }
  await until('the telephone to be registered', registered, 8000, 50)
  for (const office of [0, 1]) {
    const id = await scene.call(office)
    await carrier.wait(id, 'up')
    const hears = async () => (await carrier.report(id)).media!.heard.some(({ what }) => what === [700, 900][office])
    await until('the telephone to be heard', hears, 10_000, 50)
    await carrier.hangup(id)
  }
  const over = async () => (await platform.calls()).length === 0
  await until('the end of all calls', over, 5000, 50)
}

/** What the API tells an operator. */
async function told({ platform }: OfficeWorld): Promise<Place[]> {
  const events = await platform.events('acme')
  const calls = [...new Set(events.flatMap(({ call }) => call ?? []))]
  const paths = ['/v1/status', '/v1/metrics', '/v1/trunks', '/v1/alarms', '/v1/channels', '/v1/resources', '/v1/subscribers']
  for (const name of ['acme', 'globex']) {
    paths.push(`/v1/events?subscriber=${name}`, `/v1/subscribers/${name}`)
    for (const list of ['telephones', 'keys', 'usage', 'recordings', 'agent', 'agent/logs'])
      paths.push(`/v1/subscribers/${name}/${list}`)
  }
  for (const call of calls) paths.push(`/v1/calls/${call}/trace`, `/v1/calls/${call}/explain`)
  return Promise.all(paths.map(async (name) => ({ name, content: textOf(await platform.api('GET', name)) })))
}

function textOf(body: unknown): Buffer {
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

/** Every row of every table, as text. */
async function rows(state: string): Promise<Place[]> {
  const password = readFileSync(join(state, 'secret', 'database')).toString('base64url')
  const client = new pg.Client({ host: join(state, 'run', 'db'), user: 'tieline', database: 'tieline', password })
  await client.connect()
  try {
    const tables = await client.query(
      "select table_schema || '.' || table_name as name from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'",
    )
    const places: Place[] = []
    for (const { name } of tables.rows as { name: string }[]) {
      const all = await client.query(`select t::text as row from ${name} t`)
      places.push({ name: `table ${name}`, content: Buffer.from(all.rows.map(({ row }) => row).join('\n')) })
    }
    return places
  } finally {
    await client.end()
  }
}

function pidsOf(instance: string): string[] {
  return groupsOf(instance).flatMap((group) => readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean))
}

/** All that was told once, all that is sealed, and the keys of media by what was on the wire. */
function secretsOf({ installed, world }: OfficeWorld, state: string): Secret[] {
  const secrets: Secret[] = [{ name: "the carrier's password", value: CARRIER.password }]
  for (const [name, { siteFile, apiKey, telephones }] of installed) {
    const line = (key: string) => new RegExp(`^${key} = (.*)$`, 'm').exec(siteFile)![1]!
    secrets.push(
      { name: `site key of ${name}`, value: line('PrivateKey') },
      { name: `preshared key of ${name}`, value: line('PresharedKey') },
    )
    secrets.push({ name: `API key of ${name}`, value: apiKey })
    for (const telephone of telephones) {
      secrets.push({ name: `telephone of ${name}`, value: telephone.password })
    }
  }
  const kept = (name: string) => readFileSync(join(state, 'secret', name)).toString('base64')
  const sealer = createSealer(kept('sealing-key'))
  secrets.push({ name: 'sealing key', value: kept('sealing-key') }, { name: 'password of the database', value: kept('database') })
  secrets.push({ name: "operator's key", value: readFileSync(join(state, 'control', 'operator.key'), 'utf8').trim() })
  const snapshot = JSON.parse(readFileSync(join(state, 'switch', 'snapshot.json'), 'utf8'))
  for (const { name, value } of sealedIn(snapshot, 'sealed')) secrets.push({ name, value: sealer.openText(value) })
  for (const file of world.captures.values())
    for (const { payload } of readPcap(file))
      for (const [, key] of payload.toString('latin1').matchAll(/inline:([A-Za-z0-9+/]{40})/g))
        secrets.push({ name: 'media key', value: key! })
  return secrets
}
