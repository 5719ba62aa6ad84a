import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bundle } from '../../demo/bundle.ts'
import { type SpeechPeer, until } from '../peer/index.ts'
import { OFFICE, Platform, PUBLIC, World } from '../world/index.ts'
import { inClear } from '../world/isolation.ts'

const NUMBER = '+3225550101'
const LINE = '+3225550190'
const SPOKEN = 600
const CALLER = 400
const BUILT_IN = 'Our assistant is not there. Please hold.'

/** What the office deploys: it greets, listens and answers by the office's own speech server, which it knows by its name. */
const PROGRAM = `
import { agent, SpeechServer, TranscriptionServer } from '@tieline/agent'
const url = 'http://speech.office.lan:8000/v1'
const voice = new SpeechServer({ url, model: 'tts-1', voice: 'nova', timeout: 1.5, cacheBytes: 0 })
const ear = new TranscriptionServer({ url, model: 'whisper-1', timeout: 1.5, partials: true })
export default agent({ async call(call) {
  await call.answer()
  const partials = []
  call.on('partial', (text) => partials.push(text))
  try {
    await call.say('Welcome to Acme', { engine: voice })
    const { speech, reason } = await call.gather({ speech: { engine: ear }, language: 'nl-BE' })
    await call.say('You said ' + (speech?.text ?? reason) + ' ' + partials.length, { engine: voice })
  } catch (error) {
    console.log('failed: ' + error.code)
    await call.say('${BUILT_IN}')
  }
} })`

interface Scene {
  world: World
  platform: Platform
  speech: SpeechPeer
}

/** The world of one office whose agent speaks and understands by a server of that office. */
async function officeWithSpeech(stack: AsyncDisposableStack): Promise<Scene> {
  const office = { name: 'acme', publicAddress: '203.0.113.21', tone: 700, customers: [] }
  const world = stack.use(await World.open({ offices: [office], watched: [CALLER, SPOKEN, 700] }))
  const [platform] = await Promise.all([Platform.start(world), world.populate()])
  stack.use(platform)
  const acme = world.office('acme')
  const speech = await acme.openSpeech()
  await platform.cli('trunk', 'add', 'carrier', '--gateway', `${PUBLIC.carrier}:5060`)
  const { siteFile } = await platform.cli<{ siteFile: string }>(
    'subscriber',
    'install',
    'acme',
    ...[
      ...['--number', NUMBER, '--site-network', OFFICE.network, '--dns', OFFICE.dns, '--search', 'office.lan'],
      ...['--pbx', 'pbx.office.lan', '--pbx-number', LINE, '--default-route', 'pbx:101', '--emergency-caller-id', NUMBER],
    ],
  )
  await acme.connect(siteFile)
  const channel = () => platform.api<{ state: string }>('GET', '/v1/subscribers/acme/channel')
  await until('the tunnel to be up', async () => (await channel()).state === 'up', 30_000, 50)
  const source = join(world.directory, 'program')
  mkdirSync(source)
  const manifest = { name: 'assistant', type: 'module', main: 'index.js', dependencies: { '@tieline/agent': '*' } }
  writeFileSync(join(source, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(source, 'index.js'), PROGRAM)
  await platform.cli('agent', 'deploy', 'acme', bundle(source, join(world.directory, 'bundle')), '--wait')
  return { world, platform, speech }
}

/** A caller who waits for the greeting and says something. */
async function converse({ world, platform, speech }: Scene): Promise<string> {
  const { carrier } = world
  const call = await carrier.place({ to: { address: PUBLIC.node, port: 5060 }, from: '+32470555001', number: NUMBER, tone: 0 })
  const heard = async () => ((await carrier.report(call)).media?.heard ?? []).filter(({ what }) => what === SPOKEN).length
  await until('the greeting, three words of 200 ms', async () => (await heard()) >= 5, 8000, 20)
  const streams = async () => (await platform.events('acme')).filter(({ type }) => type === 'stream.started').length
  await until('somebody to listen', async () => (await streams()) === 2, 4000, 20)
  await carrier.sing(call, CALLER)
  await new Promise((resolve) => setTimeout(resolve, 600))
  await carrier.sing(call, 0)
  await until('the server to be asked', async () => (await speech.asked()).length === 3, 5000, 20)
  return call
}

test('C10 T08 an agent speaks and understands by a server of its office, by its name in the office, through the tunnel', async () => {
  await using stack = new AsyncDisposableStack()
  const scene = await officeWithSpeech(stack)
  const { world, platform, speech } = scene
  await speech.mood({ tone: SPOKEN, text: 'the moon and back' })
  const call = await converse(scene)
  await world.carrier.wait(call, 'ended')
  const asked = await speech.asked()
  assert.deepEqual(
    asked.map(({ path, order }) => [path, order?.input]),
    [
      ['/v1/audio/speech', 'Welcome to Acme'],
      ['/v1/audio/transcriptions', undefined],
      // What was understood, and how often it was told before it was whole.
      ['/v1/audio/speech', 'You said the moon and back 4'],
    ],
  )
  // At least the 600 ms that were said and the 800 ms of silence that ended it, at 8 kHz and 16 bits.
  assert.ok(asked[1]!.bytes! > 16 * 1400, `${asked[1]!.bytes} bytes of sound`)
  const report = await world.carrier.report(call)
  const spoken = report.media!.heard.filter(({ what }) => what === SPOKEN).length
  assert.ok(spoken >= 16, `${spoken} times 100 ms of what the server said were heard`)
  // A server that hangs or dies in mid-word is said in time, and the platform's own voice takes over.
  for (const fault of ['hangs', 'dies'] as const) {
    await speech.mood({ tone: SPOKEN, text: '', fault })
    const { carrier } = world
    const other = await carrier.place({ to: { address: PUBLIC.node, port: 5060 }, from: '+32470555002', number: NUMBER, tone: 0 })
    const { media } = await carrier.wait(other, 'ended', 15_000)
    assert.ok(media!.heard.filter(({ what }) => what === 'sound').length > 10, `${fault}: the platform's own voice was heard`)
  }
  const { lines } = await platform.api<{ lines: string[] }>('GET', '/v1/subscribers/acme/agent/logs?lines=10')
  assert.deepEqual(
    lines.filter((line) => line.includes('failed:')).map((line) => /failed: (\S+)/.exec(line)![1]),
    ['speech-failed', 'speech-failed'],
  )
  const kinds = (await platform.usage('acme')).map(({ kind }) => kind)
  assert.ok(kinds.includes('voice.stream') && !kinds.includes('voice.recognition'))
  // All of it came from where the platform stands in the office's network, and none was outside of the tunnel in clear.
  assert.equal(new Set((await speech.asked()).map(({ from }) => from)).size, 1)
  await world.stopCaptures()
  for (const role of ['node', 'net', 'carrier']) assert.deepEqual(inClear(world.captures.get(role)!, '192.168.'), [], role)
  assert.ok(inClear(world.captures.get('acme-crm')!, OFFICE.speech).length > 50, 'the captures see it where it is')
  assert.deepEqual(await platform.stop(), [])
})
