import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { heardTone } from '#protocol/audio/index.ts'
import { readWav } from '#protocol/soundfile/index.ts'
import { bundle } from '../../demo/bundle.ts'
import { until } from '../peer/index.ts'
import { execute } from '../world/namespace.ts'
import { OfficeWorld, TONES } from './office-world.ts'

const [FIRST, SECOND] = TONES.offices

/** What the office deploys: it plays the files that it has brought, and takes a message. */
const PROGRAM = `
import { agent } from '@tieline/agent'
export default agent({ async call(call) {
  await call.play(['welcome.wav', 'welcome.ulaw'])
  const { reason } = await call.record({ maxSeconds: 2, beep: false })
  console.log('recorded: ' + reason)
} })`

/** The program with its files, as it is deployed. */
function program(directory: string): string {
  const source = join(directory, 'program')
  mkdirSync(source)
  const manifest = { name: 'answering', type: 'module', main: 'index.js', dependencies: { '@tieline/agent': '*' } }
  writeFileSync(join(source, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(source, 'index.js'), PROGRAM)
  const tone = (hz: number) => ['synth', '0.8', 'sine', `${hz}`, 'vol', '0.4']
  execFileSync('sox', ['-n', '-r', '44100', '-c', '2', '-b', '16', join(source, 'welcome.wav'), ...tone(FIRST)])
  execFileSync('sox', ['-n', '-t', 'ul', '-r', '8000', '-c', '1', join(source, 'welcome.ulaw'), ...tone(SECOND)])
  return bundle(source, join(directory, 'bundle'))
}

test('a message that the agent of an office takes is heard over HTTP: whole, in parts, by whoever has its key, and is sealed on the disk', {
  timeout: 120_000,
}, async () => {
  await using scene = await OfficeWorld.open({ offices: ['acme'] })
  const { world, platform } = scene
  await platform.cli('agent', 'deploy', 'acme', program(world.directory), '--wait')
  const call = await scene.call(0)
  const report = await world.carrier.wait(call, 'ended', 20_000)
  const turns = report.media!.heard.map(({ what }) => what).filter((what) => typeof what === 'number')
  assert.deepEqual(
    turns.filter((what, i) => what !== turns[i - 1]),
    [FIRST, SECOND],
    'the files of its bundle, with a header and without',
  )
  type Items = { items: { id: string; durationMs: number; complete: boolean; call: string }[] }
  const listed = async () => (await platform.api<Items>('GET', '/v1/subscribers/acme/recordings')).items
  const [recording] = await until('the recording', async () => ((await listed()).length > 0 ? await listed() : null), 5000)
  assert.deepEqual([recording!.durationMs, recording!.complete], [2000, true])
  const ended = async () =>
    (await platform.events('acme')).some(({ type, call: of }) => type === 'recording.ended' && of === recording!.call)
  await until('its event', ended, 5000)

  const url = `http://127.0.0.1:8080/v1/subscribers/acme/recordings/${recording!.id}/audio`
  const file = join(world.directory, 'heard')
  /** What curl gets of it, by a key. */
  const curl = async (key: string, ...more: string[]) => {
    const told = ['-s', '-o', file, '-w', '%{http_code} %{content_type} %header{content-range}', ...more]
    const { out } = await execute([...world.node.enter, 'curl', ...told, '-H', `authorization: Bearer ${key}`, url])
    return { told: out.trim(), bytes: readFileSync(file) }
  }
  const { apiKey } = scene.installed.get('acme')!
  const whole = await curl(apiKey)
  assert.equal(whole.told, '200 audio/wav')
  const pcm = readWav(whole.bytes)
  assert.equal(pcm.length, 16_000)
  for (let at = 2000; at + 1600 < pcm.length; at += 4000)
    assert.equal(heardTone(pcm.subarray(at, at + 1600), [TONES.caller, FIRST, SECOND]), TONES.caller)
  for (const [range, from, to] of [
    ['0-43', 0, 44],
    ['20000-', 20_000, 32_044],
    ['-100', 31_944, 32_044],
  ] as const) {
    const part = await curl(apiKey, '-r', range)
    assert.equal(part.told, `206 audio/wav bytes ${from}-${to - 1}/32044`)
    assert.deepEqual(part.bytes, whole.bytes.subarray(from, to), range)
  }
  assert.match((await curl(apiKey, '-r', '40000-50000')).told, /^416 /)
  assert.match((await curl('nobody’s')).told, /^401 /)

  // On the disk of the node there is none of it in the clear.
  const files = readdirSync(world.directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tlrec'))
  assert.equal(files.length, 1)
  const sealed = readFileSync(join(world.directory, files[0]!))
  for (let at = 1000; at + 32 < whole.bytes.length; at += 1000) assert.ok(!sealed.includes(whole.bytes.subarray(at, at + 32)))
  await platform.cli('recording', 'remove', 'acme', recording!.id)
  assert.match((await curl(apiKey)).told, /^404 /)
  assert.deepEqual(await listed(), [])
  const recorded = async () => (await platform.usage('acme')).filter(({ kind }) => kind === 'voice.record')
  const usage = await until('its usage', async () => ((await recorded()).length > 0 ? await recorded() : null), 10_000)
  assert.equal(usage.length, 1)
  assert.ok(usage[0]!.billableMs >= 1900 && usage[0]!.billableMs < 6000, `${usage[0]!.billableMs} ms`)
})
