import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Command } from 'commander'
import { newId } from '#lib/index.ts'
import type { SiteConfig, SnapshotChange, TrunkConfig } from '#platform/words/index.ts'
import { buildProgram } from '../../src/main/cli/program.ts'
import { type Bench, eventRecord, type InstalledBody, journal, startBench, until } from './bench.ts'
import { run as inside, tieline as started } from './tieline.ts'

let bench: Bench

before(async () => {
  bench = await startBench()
})
after(() => bench?.[Symbol.asyncDispose]())

const tieline = (...args: string[]) => started(bench, ...args)
const run = (...args: string[]) => inside(bench, ...args)

async function json<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await run(...args, '--json')
  assert.equal(code, 0, err)
  return JSON.parse(out) as T
}

const INSTALL = [
  '--number',
  '+3225550101',
  '--pbx',
  '192.168.1.10',
  '--pbx-number',
  '+3225550199',
  '--site-network',
  '192.168.1.0/24',
]
const SITE = [
  '--dns',
  '192.168.1.53',
  '--search',
  'office.lan',
  '--default-route',
  'pbx:100@trunk',
  '--allocation',
  'trunk.in=2:5',
]

describe('tieline', () => {
  it('says with exit code 0 that the platform is up', async () => {
    const { code, out } = await tieline('status')
    assert.equal(code, 0)
    assert.match(out, /database +ok/)
  })

  it('installs a subscriber and writes the file for its site for nobody else to read', async () => {
    const file = join(bench.state, 'acme.conf')
    const installed = await json<InstalledBody>('subscriber', 'install', 'acme', ...INSTALL, ...SITE, '--out', file)
    assert.equal(readFileSync(file, 'utf8'), installed.siteFile)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const [listed] = await json<InstalledBody['subscriber'][]>('subscriber', 'list')
    assert.equal(listed?.id, installed.subscriber.id)
    assert.match((await tieline('subscriber', 'show', 'acme')).out, /default route +pbx:100 over the trunk/)
  })

  it('says in a sentence why something cannot be, with exit code 1, and 2 for a wrong command line', async () => {
    const taken = await tieline('subscriber', 'install', 'other', ...INSTALL, ...SITE)
    assert.equal(taken.code, 1)
    assert.equal(taken.err, 'tieline: The telephone number belongs to a subscriber already. (number-taken)\n')
    for (const args of [
      ['subscriber', 'lst'],
      ['subscriber', 'install', 'x'],
      ['call', 'show'],
      ['trunk', 'add', 'x'],
    ])
      assert.equal((await tieline(...args)).code, 2, args.join(' '))
    const nowhere = await tieline('subscriber', 'list', '--url', 'http://127.0.0.1:1', '--key', 'tl_op_somekey')
    assert.equal(nowhere.code, 1)
    assert.match(nowhere.err, /does not answer/)
  })

  it('adds, changes, lists and removes trunks', async () => {
    assert.equal((await run('trunk', 'add', 'carrier', '--gateway', '203.0.113.10:5060', '--max-out', '10')).code, 0)
    const changed = await json<{ maxOut: number; emergencyReserve: number }>(
      'trunk',
      'set',
      'carrier',
      '--emergency-reserve',
      '2',
    )
    assert.deepEqual([changed.maxOut, changed.emergencyReserve], [10, 2])
    assert.match((await run('trunk', 'list')).out, /carrier +203\.0\.113\.10:5060 +- +10 +2 +relay/)
    const password = join(bench.state, 'password')
    writeFileSync(password, 'circle of life\n')
    const more = [
      '--user',
      'tl',
      '--password-file',
      password,
      '--register',
      '600',
      '--number-in',
      '0=+32',
      '--number-out',
      '+32=0',
    ]
    const gateways = ['--gateway', '203.0.113.10:5060,0,3', '--gateway', '203.0.113.11,0', '--calls-per-second', '20']
    assert.equal((await run('trunk', 'set', 'carrier', ...more, ...gateways)).code, 0)
    const shown = (await run('trunk', 'show', 'carrier')).out
    assert.match(shown, /203\.0\.113\.10:5060 \(priority 0, weight 3\): /)
    assert.match(shown, /user +tl\n/)
    assert.equal((await run('trunk', 'set', 'carrier', '--early-media', 'ignore')).code, 0)
    assert.match((await run('trunk', 'show', 'carrier')).out, /early media +ignore\n/)
    assert.notEqual((await run('trunk', 'set', 'carrier', '--early-media', 'loud')).code, 0)
    assert.equal((await run('trunk', 'set', 'carrier', '--diversion', 'history-info', '--identity', 'drop')).code, 0)
    assert.match((await run('trunk', 'show', 'carrier')).out, /diversion +history-info[\s\S]*identity +drop/)
    assert.notEqual((await run('trunk', 'set', 'carrier', '--identity', 'forge')).code, 0)
    assert.match(shown, /numbers in +0=\+32\n/)
    assert.doesNotMatch(JSON.stringify(await json('trunk', 'show', 'carrier')), /circle|password|v1\./)
    assert.equal((await run('trunk', 'set', 'carrier', '--no-auth')).code, 1)
    assert.equal((await run('trunk', 'set', 'carrier', '--no-auth', '--no-register', '--no-options')).code, 0)
    assert.doesNotMatch((await run('trunk', 'show', 'carrier')).out, /user +tl/)
    assert.equal((await run('trunk', 'remove', 'carrier')).code, 0)
    assert.deepEqual(await json('trunk', 'list'), [])
  })

  it('asks for SRTP on a trunk and over a channel, and tells the switch; not where sound passes by', async () => {
    assert.equal((await run('trunk', 'add', 'safe', '--gateway', '203.0.113.12', '--srtp', 'required')).code, 0)
    assert.equal((await json<{ srtp: string }>('trunk', 'show', 'safe')).srtp, 'required')
    assert.notEqual((await run('trunk', 'set', 'safe', '--media', 'direct')).code, 0)
    assert.notEqual((await run('trunk', 'set', 'safe', '--srtp', 'perhaps')).code, 0)
    assert.equal((await run('trunk', 'set', 'safe', '--srtp', 'off', '--media', 'direct')).code, 0)
    assert.equal((await run('trunk', 'remove', 'safe')).code, 0)
    assert.equal((await run('subscriber', 'srtp', 'acme', 'offered')).code, 0)
    assert.equal((await json<{ site: { srtp: string } }>('subscriber', 'show', 'acme')).site.srtp, 'offered')
    const change = bench.fakes.published.switch.at(-1) as SnapshotChange
    assert.equal(change.subscribers?.upsert[0]?.site.srtp, 'offered')
  })

  it('stores what a trunk and a site may speak and whether it is transcoded, tells the switch, and takes it back', async () => {
    const add = ['trunk', 'add', 'spoken', '--gateway', '203.0.113.13', '--codecs', 'pcma, g722,OPUS', '--transcode', 'off']
    assert.equal((await run(...add, '--renegotiate', 'off', '--digits', 'info', '--tones', 'sound')).code, 0)
    type Spoken = Partial<SiteConfig>
    const { codecs, transcode, renegotiate, digits, tones } = await json<Spoken>('trunk', 'show', 'spoken')
    assert.deepEqual([codecs, transcode, renegotiate, digits, tones], [['PCMA', 'G722', 'opus'], false, false, 'info', 'sound'])
    const text = /codecs +PCMA,G722,opus, never transcoded, never renegotiated, keys by INFO, tones are sound\n/
    assert.match((await run('trunk', 'show', 'spoken')).out, text)
    assert.equal((await run('trunk', 'set', 'spoken', '--digits', 'smoke')).code, 1)
    assert.equal((await run('trunk', 'set', 'spoken', '--tones', 'smoke')).code, 1)
    assert.equal((await run('trunk', 'set', 'spoken', '--codecs', 'g729')).code, 2)
    assert.equal((await run('trunk', 'set', 'spoken', '--codecs', 'pcma,pcma')).code, 1)
    assert.equal((await run('trunk', 'set', 'spoken', '--transcode', 'maybe')).code, 2)
    const back = ['--codecs', 'default', '--transcode', 'on', '--renegotiate', 'on', '--digits', 'tones', '--tones', 'keys']
    assert.equal((await run('trunk', 'set', 'spoken', ...back)).code, 0)
    const usual = await json<Spoken>('trunk', 'show', 'spoken')
    for (const name of ['codecs', 'transcode', 'renegotiate', 'digits', 'tones'] as const) assert.equal(usual[name], undefined)
    assert.equal((await run('trunk', 'remove', 'spoken')).code, 0)
    const site = async () => {
      const { codecs, transcode } = (await json<{ site: Spoken }>('subscriber', 'show', 'acme')).site
      return [codecs, transcode]
    }
    assert.deepEqual(await site(), [null, true])
    assert.equal((await run('subscriber', 'codecs', 'acme', 'opus,l16/16000,pcma', '--transcode', 'off')).code, 0)
    assert.deepEqual(await site(), [['opus', 'L16/16000', 'PCMA'], false])
    const told = (bench.fakes.published.switch.at(-1) as SnapshotChange).subscribers?.upsert[0]?.site
    assert.deepEqual([told?.codecs, told?.transcode], [['opus', 'L16/16000', 'PCMA'], false])
    assert.match((await run('subscriber', 'codecs', 'acme')).out, /speaks: opus,L16\/16000,PCMA, never transcoded/)
    assert.equal((await run('subscriber', 'codecs', 'acme', 'default', '--transcode', 'on')).code, 0)
    assert.deepEqual(await site(), [null, true])
    const apart = ['--telephones', 'opus,g722', '--renegotiate', 'off', '--digits', 'info', '--tones', 'sound']
    assert.equal((await run('subscriber', 'codecs', 'acme', ...apart)).code, 0)
    const published = (bench.fakes.published.switch.at(-1) as SnapshotChange).subscribers?.upsert[0]?.site
    const { telephoneCodecs, ...rest } = published!
    assert.deepEqual([telephoneCodecs, rest.renegotiate, rest.digits, rest.tones], [['opus', 'G722'], false, 'info', 'sound'])
    assert.match((await run('subscriber', 'codecs', 'acme')).out, /what is usual, its telephones opus,G722, never reneg/)
    const usually = ['--telephones', 'default', '--renegotiate', 'on', '--digits', 'tones', '--tones', 'keys']
    assert.equal((await run('subscriber', 'codecs', 'acme', ...usually)).code, 0)
    const again = (await json<{ site: Spoken }>('subscriber', 'show', 'acme')).site
    assert.deepEqual([again.telephoneCodecs, again.renegotiate, again.digits, again.tones], [null, true, 'tones', 'keys'])
  })

  it('gives telephones the CA of their subscriber, asks them for TLS, and tells the switch; keys stay sealed', async () => {
    const pem = (await run('telephone', 'ca', 'acme')).out
    const ca = new X509Certificate(pem)
    const told = await json<{ sha256: string; address: string; port: number; telephoneTls: string }>('telephone', 'ca', 'acme')
    assert.deepEqual([told.sha256, told.port, told.telephoneTls], [ca.fingerprint256, 5061, 'allowed'])
    assert.equal((await run('telephone', 'tls', 'acme', 'required')).code, 0)
    assert.notEqual((await run('telephone', 'tls', 'acme', 'perhaps')).code, 0)
    const shown = await json<{ site: { telephoneTls: string } }>('subscriber', 'show', 'acme')
    assert.equal(shown.site.telephoneTls, 'required')
    assert.doesNotMatch(JSON.stringify(shown), /PRIVATE KEY|v1\./)
    const { tls } = (bench.fakes.published.switch.at(-1) as SnapshotChange).subscribers!.upsert[0]!.site
    assert.equal(tls?.telephones, 'required')
    assert.match(tls!.key, /^v1\./)
    const shows = new X509Certificate(tls!.certificate)
    assert.ok(shows.verify(ca.publicKey))
    assert.equal(shows.checkIP(told.address), told.address)
    assert.equal((await run('telephone', 'tls', 'acme', 'allowed')).code, 0)
  })

  it('lets a PBX register as a telephone and carriers show who they are; secrets stay sealed', async () => {
    assert.equal((await run('telephone', 'add', 'acme', 'office')).code, 0)
    const pbx = ['subscriber', 'pbx', 'acme', '--account', 'office', '--digest', '--number', '+3225550101']
    assert.match((await run(...pbx)).out, /registers as office calls by digest \(\+3225550101\)/)
    assert.match((await run('subscriber', 'pbx', 'acme', '--account', 'nobody')).err, /none of this name/)
    assert.equal((await run('telephone', 'digest', 'acme', 'SHA-256')).code, 0)
    const { site } = (bench.fakes.published.switch.at(-1) as SnapshotChange).subscribers!.upsert[0]!
    assert.deepEqual(site.pbx, { port: 5060, number: '+3225550101', account: 'office', calls: 'digest' })
    assert.equal(site.digest, 'SHA-256')
    assert.equal((await run('telephone', 'digest', 'acme', 'MD5')).code, 0)
    const at = ['tls:192.168.1.10', '--tls-name', 'pbx.lan', '--number', '+3225550101']
    assert.match((await run('subscriber', 'pbx', 'acme', ...at)).out, /tls:192\.168\.1\.10:5061 as pbx\.lan \(/)
    const password = join(bench.state, 'accept')
    writeFileSync(password, 'circle of life')
    const accept = ['--accept-user', 'carrier', '--accept-password-file', password, '--accept-algorithm', 'SHA-256']
    assert.equal((await run('trunk', 'add', 'asked', '--gateway', '203.0.113.30', ...accept)).code, 0)
    const shown = await json<{ accept: object }>('trunk', 'show', 'asked')
    assert.deepEqual(shown.accept, { user: 'carrier', algorithm: 'SHA-256' })
    assert.doesNotMatch(JSON.stringify(shown), /circle|v1\./)
    assert.equal((await run('trunk', 'set', 'asked', '--no-accept')).code, 0)
    assert.equal((await json<{ accept?: object }>('trunk', 'show', 'asked')).accept, undefined)
    assert.equal((await run('trunk', 'remove', 'asked')).code, 0)
  })

  it('stores what rings for a user and where its calls go instead, tells the switch, and refuses what leads nowhere', async () => {
    for (const name of ['301', '302']) assert.equal((await run('telephone', 'add', 'acme', name)).code, 0)
    const steps = ['user:301,user:302@15', 'number:+32470123456@20']
    assert.equal((await run('telephone', 'ring', 'acme', 'sales', ...steps)).code, 0)
    const rules = ['--busy', 'user:sales', '--unanswered', 'number:+32470123456@20']
    assert.equal((await run('telephone', 'forward', 'acme', '301', ...rules)).code, 0)
    assert.equal((await run('telephone', 'forward', 'acme', '301', '--unregistered', 'user:302', '--busy', 'off')).code, 0)
    const forward = { noAnswer: { to: { number: '+32470123456' }, afterSeconds: 20 }, unregistered: { user: '302' } }
    const told = (bench.fakes.published.switch.at(-1) as SnapshotChange).subscribers!.upsert[0]!
    assert.deepEqual(told.users, [
      { name: '301', forward },
      {
        name: 'sales',
        ring: [
          { at: [{ user: '301' }, { user: '302' }], seconds: 15 },
          { at: [{ number: '+32470123456' }], seconds: 20 },
        ],
      },
    ])
    assert.match((await run('telephone', 'routes', 'acme')).out, /sales +user:301,user:302@15 number:\+32470123456@20/)
    const wrong = await run('telephone', 'forward', 'acme', '302', '--always', 'user:nobody')
    assert.match(wrong.err, /neither a telephone nor another user called nobody/)
    assert.equal((await run('telephone', 'forward', 'acme', '302', '--always', 'user:301')).code, 0)
    assert.match((await run('telephone', 'forward', 'acme', '301', '--always', 'user:302')).err, /round in a loop/)
    assert.equal((await run('subscriber', 'forward-outside', 'acme', 'denied')).code, 0)
    assert.notEqual((await run('telephone', 'forward', 'acme', '302', '--busy', 'number:+32470123456')).code, 0)
    assert.equal((await run('subscriber', 'forward-outside', 'acme', 'allowed')).code, 0)
    assert.equal((await run('telephone', 'forward', 'acme', '302', '--always', 'off')).code, 0)
    assert.equal((await run('telephone', 'ring', 'acme', 'sales')).code, 0)
    const left = await json<{ items: { name: string }[] }>('telephone', 'routes', 'acme')
    assert.deepEqual(
      (left.items ?? left).map(({ name }) => name),
      ['301'],
    )
  })

  it('stores what becomes of calls when something dies under them, and tells the switch', async () => {
    assert.equal((await run('subscriber', 'survival', 'acme', '--channel', 'trunk')).code, 0)
    const { survival } = await json<{ survival: object }>('subscriber', 'show', 'acme')
    assert.deepEqual(survival, { voice: 'move', channel: 'trunk' })
    const change = bench.fakes.published.switch.at(-1) as SnapshotChange
    assert.deepEqual(change.subscribers?.upsert[0]?.survival, survival)
    assert.notEqual((await run('subscriber', 'survival', 'acme', '--voice', 'forget')).code, 0)
  })

  it('knows gateways by name, as they are written, and refuses what is none', async () => {
    const gateways = ['--gateway', 'SIP.Carrier.Example,0', '--gateway', 'tls:edge.carrier.example:5071,1']
    const choice = ['--priority', '3', '--destinations', '+32,+33', '--sources', '198.51.100.0/24,2001:db8:40::/48']
    assert.equal((await run('trunk', 'add', 'named', ...gateways, '--redirects', 'follow', ...choice)).code, 0)
    type Named = { gateways: { address: string; port?: number; transport?: string }[]; redirects: string } & Pick<
      TrunkConfig,
      'priority' | 'destinations' | 'sources'
    >
    const told = await json<Named>('trunk', 'show', 'named')
    assert.deepEqual(
      told.gateways.map(({ address, port, transport }) => [address, port, transport]),
      [
        ['sip.carrier.example', undefined, undefined],
        ['edge.carrier.example', 5071, 'tls'],
      ],
    )
    assert.equal(told.redirects, 'follow')
    assert.deepEqual([told.priority, told.destinations], [3, ['+32', '+33']])
    assert.deepEqual(told.sources, ['198.51.100.0/24', '2001:db8:40::/48'])
    const change = bench.fakes.published.switch.at(-1) as SnapshotChange
    assert.deepEqual(change.trunks?.find(({ name }) => name === 'named')?.sources, told.sources)
    assert.deepEqual(change.trunks?.find(({ name }) => name === 'named')?.gateways[0], {
      ...{ address: 'sip.carrier.example', priority: 0 },
    })
    assert.match(
      (await run('trunk', 'show', 'named')).out,
      /sip\.carrier\.example \(priority 0, weight 1\)[\s\S]*redirects +follow/,
    )
    for (const wide of ['0.0.0.0/0', '10.0.0.0/7', '2000::/12', '198.51.100.1', 'carrier'])
      assert.notEqual((await run('trunk', 'set', 'named', '--sources', wide)).code, 0, wide)
    const all = ['--priority', '0', '--destinations', 'all', '--sources', 'none']
    assert.equal((await run('trunk', 'set', 'named', '--gateway', 'udp:sip.carrier.example', ...all)).code, 0)
    const now = await json<Named>('trunk', 'show', 'named')
    assert.deepEqual([now.gateways[0]?.transport, now.priority ?? 0, now.destinations], ['udp', 0, undefined])
    assert.equal(now.sources, undefined)
    assert.match((await run('trunk', 'add', 'again', '--gateway', 'sip.carrier.example')).err, /belongs to a trunk already/)
    for (const wrong of ['carrier', 'sip..carrier.example', '203.0.113.300', 'sip carrier.example'])
      assert.notEqual((await run('trunk', 'set', 'named', '--gateway', wrong)).code, 0, wrong)
    assert.notEqual((await run('trunk', 'set', 'named', '--redirects', 'anywhere')).code, 0)
    assert.equal((await run('trunk', 'remove', 'named')).code, 0)
  })

  it('gives telephones a password, told once, and takes it back', async () => {
    assert.match((await run('telephone', 'add', 'acme', '101')).out, /The telephone 101 registers with the password \w{24}/)
    assert.match((await run('telephone', 'list', 'acme')).out, /101 +1 +192\.168\.1\.30:5060 +2026-11-23T/)
    assert.equal((await run('telephone', 'remove', 'acme', '101')).code, 0)
    assert.equal((await run('telephone', 'remove', 'acme', '101')).code, 1)
  })

  it('says with a new preshared key what the site has to do, its file included', async () => {
    const { out, code } = await run('subscriber', 'rotate', 'acme', 'preshared-key', '--overlap', '600')
    assert.equal(code, 0)
    assert.match(out, /^The new one, told this once:\n\S{44}\n/)
    assert.match(out, /wg set tieline peer \S{44} preshared-key /)
    assert.match(out, /the file that was given to the site, PresharedKey: else its gateway has the old one again/)
  })

  it('deploys an agent, the same program under the same digest, and goes back to a version', async () => {
    const directory = join(bench.state, 'agent')
    mkdirSync(directory)
    writeFileSync(join(directory, 'package.json'), '{ "type": "module", "main": "index.js", "tieline": { "listen": [8080] } }')
    writeFileSync(join(directory, 'index.js'), 'export default {}\n')
    const first = await json<{ id: string; digest: string }>('agent', 'deploy', 'acme', directory)
    const second = await json<{ id: string; digest: string }>('agent', 'deploy', 'acme', directory)
    assert.equal(second.digest, first.digest)
    assert.ok(statSync(join(bench.state, 'bundles', first.digest, 'index.js')).isFile())
    const back = await json<{ id: string; active: boolean }>('agent', 'rollback', 'acme')
    assert.deepEqual([back.id, back.active], [first.id, true])
    const change = bench.fakes.published.host.at(-1)
    const agent = change?.subscribers && 'upsert' in change.subscribers ? change.subscribers.upsert[0]?.agent : undefined
    assert.equal(agent?.version?.id, first.id)
    assert.deepEqual(agent?.listen, [8080])
    assert.equal((await run('agent', 'logs', 'acme')).out, 'one\ntwo\n')
  })

  it('sets the networks of a site, and says what its file lacks when it gets the first one of IPv6', async () => {
    const networks = async (...args: string[]) =>
      (await json<{ site: { networks: string[] } }>('channel', 'networks', 'acme', ...args)).site.networks
    assert.deepEqual(await networks(), ['192.168.1.0/24'])
    const { code, out } = await run('channel', 'networks', 'acme', '192.168.1.0/24', 'fd12:3456::/64')
    assert.equal(code, 0)
    assert.match(out, /^The site of acme has 192\.168\.1\.0\/24, fd12:3456::\/64\.$/m)
    assert.match(out, /its file needs fd[0-9a-f:]+::2\/128 in Address, fd[0-9a-f:]+::1\/128 in AllowedIPs/)
    const change = bench.fakes.published.switch.at(-1) as SnapshotChange
    assert.deepEqual(change.subscribers?.upsert[0]?.channel.siteNetworks, ['192.168.1.0/24', 'fd12:3456::/64'])
    const again = await run('channel', 'networks', 'acme', '192.168.1.0/24', 'fd12:3456::/64', '10.1.0.0/16')
    assert.doesNotMatch(again.out, /its file/)
    const wrong = await run('channel', 'networks', 'acme', '192.168.1.0')
    assert.equal(wrong.code, 1)
    assert.equal((await networks()).length, 3, 'what is refused changes nothing')
    assert.deepEqual(await networks('192.168.1.0/24'), ['192.168.1.0/24'])
  })

  it('finds the step of a channel that fails, and says so with exit code 1', async () => {
    const { code, out } = await run('channel', 'check', 'acme')
    assert.equal(code, 1)
    assert.match(out, /^fails +route-back +No answer to OPTIONS\.$/m)
  })

  it('holds, retrieves, parks, transfers and picks up a call, and says why one could not be', async () => {
    const [{ id: subscriber } = { id: '' }] = await json<{ id: string }[]>('subscriber', 'list')
    const id = newId('call')
    const party = { number: '+32470123456' }
    bench.fakes.calls.push({
      ...{ id, subscriber: subscriber as never, state: 'joined', from: party, to: party, startedAt: '2026-11-23T00:00:00.000Z' },
      legs: [],
    })
    bench.fakes.ordered.length = 0
    assert.equal((await run('call', 'hold', id, '--party', 'dialled')).out, 'It is held.\n')
    await json('call', 'retrieve', id)
    await json('call', 'park', id, '*701', '--timeout', '30')
    bench.fakes.order = () => ({ transferred: false, cause: { by: 'callee', reason: 'busy', text: 'User busy' } })
    const refused = await run('call', 'transfer', id, '--pbx', '102')
    assert.equal(refused.code, 1)
    assert.match(refused.err, /User busy/)
    assert.equal((await run('call', 'transfer', id)).code, 2)
    bench.fakes.order = () => ({ transferred: true })
    await json('call', 'transfer', id, '--number', '+32470999999')
    bench.fakes.order = () => ({ pickedUp: false, cause: { by: 'switch', reason: 'answered-elsewhere' } })
    const late = await run('call', 'pickup', id, '--user', '102', '--leg', 'leg_1')
    assert.deepEqual([late.code, /answered-elsewhere/.test(late.err)], [1, true])
    bench.fakes.order = () => ({ pickedUp: true })
    assert.equal((await run('call', 'pickup', id, '--user', '102')).out, 'It is picked up.\n')
    assert.deepEqual(
      bench.fakes.ordered.map(({ order }) => [order.verb, order.params]),
      [
        ['hold', { party: 'dialled' }],
        ['retrieve', {}],
        ['park', { slot: '*701', timeoutSeconds: 30 }],
        ['transfer', { target: { pbx: '102' } }],
        ['transfer', { target: { number: '+32470999999' } }],
        ['pickup', { by: { user: '102' }, leg: 'leg_1' }],
        ['pickup', { by: { user: '102' } }],
      ],
    )
    bench.fakes.calls.length = 0
  })

  it('lists events', async () => {
    const { subscriber } = { subscriber: (await json<{ id: `sub_${string}` }>('subscriber', 'show', 'acme')).id }
    journal(bench, eventRecord(subscriber, 1))
    await until('the event', async () =>
      /channel\.state .*state=up/.test((await run('event', 'list', '--subscriber', 'acme')).out),
    )
  })

  it('has --json on every verb', () => {
    const verbs = (command: Command): Command[] => (command.commands.length === 0 ? [command] : command.commands.flatMap(verbs))
    const all = verbs(buildProgram({}))
    assert.ok(all.length > 25, `only ${all.length} verbs`)
    for (const verb of all)
      assert.ok(
        verb.options.some(({ long }) => long === '--json'),
        verb.name(),
      )
  })
})
