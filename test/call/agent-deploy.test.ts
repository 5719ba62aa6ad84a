import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Alarm } from '#platform/words/index.ts'
import { bundle } from '../../demo/bundle.ts'
import { until } from '../peer/index.ts'
import { Platform } from '../world/index.ts'
import { OfficeWorld } from './office-world.ts'

interface Version {
  id: string
  state: string
  failure: { reason: string; log: string[] } | null
}

interface Status {
  state: string
  version: string
  candidate?: { version: string; state: string; reason: string; log: string[] }
}

/** A program that refuses every call with its own status, so that a caller hears which one has decided. */
const refusing = (status: number) =>
  `import { agent } from '@tieline/agent'\nexport default agent({ call: (call) => call.reject({ status: ${status} }) })\n`

/** Programs that cannot serve: each is broken in its own way. */
const BROKEN = {
  syntax: 'export default agent({\n',
  import: "import 'a-package-that-nobody-has-brought'\nexport default {}\n",
  exit: "console.error('no configuration: I leave')\nprocess.exit(3)\n",
}
/** It loads, and its link never comes. */
const MUTE = "console.log('I wait for ever')\nawait new Promise((resolve) => setTimeout(resolve, 1e9))\n"

class Scene {
  platform: Platform
  readonly #office: OfficeWorld
  #made = 0

  constructor(office: OfficeWorld) {
    this.#office = office
    this.platform = office.platform
  }

  /** A folder with this program. */
  program(source: string): string {
    const { directory } = this.#office.world
    const folder = join(directory, `program-${++this.#made}`)
    mkdirSync(folder)
    writeFileSync(join(folder, 'index.js'), source)
    const dependencies = { '@tieline/agent': '*' }
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'tried', type: 'module', main: 'index.js', dependencies }))
    return bundle(folder, join(directory, `bundle-${this.#made}`))
  }

  deploy(source: string): Promise<Version> {
    return this.platform.cli('agent', 'deploy', 'acme', this.program(source), '--wait')
  }

  /** What is said of a deployment that fails. */
  async fails(source: string): Promise<string> {
    const { code, err, out } = await this.platform.attempt('agent', 'deploy', 'acme', this.program(source), '--wait')
    assert.notEqual(code, 0, out)
    return err
  }

  async versions(): Promise<string[]> {
    return (await this.platform.cli<Version[]>('agent', 'versions', 'acme')).map(({ state }) => state)
  }

  status(): Promise<Status> {
    return this.platform.api('GET', '/v1/subscribers/acme/agent')
  }

  async alarms(): Promise<string[]> {
    const { items } = await this.platform.api<{ items: Alarm[] }>('GET', '/v1/alarms')
    return items.map(({ code, about }) => `${code} ${about}`)
  }

  /** The status that a caller is refused with: the program's own. */
  async decidedBy(): Promise<number | undefined> {
    const { carrier } = this.#office.world
    const id = await this.#office.call(0)
    await carrier.wait(id, 'ended')
    return (await carrier.report(id)).final?.status
  }
}

test('a deployed agent that cannot serve takes no call: the version before decides them, also when the switch restarts, until one has proven itself', async () => {
  await using office = await OfficeWorld.open({ offices: ['acme'] })
  const scene = new Scene(office)
  const { platform } = scene

  // The first has nothing before it: it is the active one, and its reason is told.
  const first = await platform.attempt('agent', 'deploy', 'acme', scene.program(BROKEN.import), '--wait', '3')
  assert.match(first.err, /backing-off.*a-package-that-nobody-has-brought/)
  const good = await scene.deploy(refusing(480))
  assert.equal(good.state, 'active')
  assert.equal(await scene.decidedBy(), 480)

  for (const [source, why] of [
    [BROKEN.syntax, /ended twice: .*SyntaxError|could not be loaded/],
    [BROKEN.import, /a-package-that-nobody-has-brought/],
    [BROKEN.exit, /ended twice: exit code 3.*no configuration: I leave/s],
  ] as const) {
    assert.match(await scene.fails(source), why)
    const { state, version, candidate } = await scene.status()
    assert.deepEqual([state, version, candidate?.state], ['ready', good.id, 'failed'])
    assert.equal(await scene.decidedBy(), 480)
  }
  const { lines } = await platform.cli<{ lines: string[] }>('agent', 'logs', 'acme')
  assert.ok(lines.some((line) => line.includes('no configuration: I leave')))
  assert.deepEqual((await scene.versions()).slice(0, 4), ['failed', 'failed', 'failed', 'active'])
  await until('the alarm', async () => (await scene.alarms()).includes('deploy-failed acme'), 10_000, 200)

  // One whose link never comes, while the switch and the version that serves are killed.
  const mute = platform.attempt('agent', 'deploy', 'acme', scene.program(MUTE), '--wait')
  await until('it is tried', async () => (await scene.status()).candidate?.state === 'tried', 10_000, 100)
  const tried = (await scene.status()).candidate!.version
  process.kill((await platform.processes()).find(({ name }) => name === 'switch')!.pid!, 'SIGKILL')
  await platform.cli('agent', 'restart', 'acme')
  await until('the version before', async () => (await scene.decidedBy().catch(() => 0)) === 480, 15_000, 200)
  assert.match((await mute).err, /not ready within 20 s.*I wait for ever/s)
  assert.equal(await scene.decidedBy(), 480)

  // One that can serve takes over, and its first version is there to go back to.
  const better = await scene.deploy(refusing(486))
  assert.equal(await scene.decidedBy(), 486)
  await until('the alarm to be over', async () => !(await scene.alarms()).includes('deploy-failed acme'), 10_000, 200)
  const back = await platform.cli<Version>('agent', 'rollback', 'acme', '--wait')
  assert.equal(back.id, good.id)
  assert.equal(await scene.decidedBy(), 480)
  const told = async () => (await platform.events('acme')).filter(({ type }) => /^agent\./.test(type))
  await until('the last event', async () => (await told()).at(-1)?.data.version === good.id, 5000, 100)
  const events = await told()
  assert.deepEqual(
    events.slice(-3).map(({ type, data }) => `${type} ${data.version}`),
    [`agent.failed ${tried}`, `agent.active ${better.id}`, `agent.active ${good.id}`],
  )
  assert.equal(events.filter(({ type }) => type === 'agent.failed').length, 4)
  assert.deepEqual(await platform.stop(), [])
})

test('a node that dies while a version is tried has the one before serve when it is back, and ends the trial', async () => {
  await using office = await OfficeWorld.open({ offices: ['acme'] })
  const scene = new Scene(office)
  const good = await scene.deploy(refusing(480))
  const { id } = await scene.platform.cli<Version>('agent', 'deploy', 'acme', scene.program(MUTE))
  await until('it is tried', async () => (await scene.status()).candidate?.reason === '', 10_000, 100)
  await scene.platform.kill()
  await using again = await Platform.start(office.world)
  scene.platform = again
  await until('the version before', async () => (await scene.status()).state === 'ready', 15_000, 100)
  assert.equal(await scene.decidedBy(), 480)
  const { version, candidate } = await scene.status()
  assert.deepEqual([version, candidate?.version, candidate?.state], [good.id, id, 'tried'])
  // Taken back before it has failed: nothing is left of it.
  const back = await again.cli<Version>('agent', 'rollback', 'acme', '--wait')
  assert.deepEqual([back.id, back.state], [good.id, 'active'])
  assert.equal((await scene.status()).candidate, undefined)
  assert.deepEqual(await scene.versions(), ['former', 'active'])
  assert.equal(await scene.decidedBy(), 480)
})
