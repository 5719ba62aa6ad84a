import { execFileSync } from 'node:child_process'
import { randomInt, X509Certificate } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { extract } from 'tar'
import { type Id, newId, silentLog, systemClock, token } from '#lib/index.ts'
import {
  type AgentGateway,
  AgentSupervisor,
  createAgentGateway,
  type DesiredAgent,
  prepareSandbox,
} from '#platform/agent/index.ts'
import { reachableNode } from '#platform/node/index.ts'
import { AgentMemory, ResourceRegistry } from '#platform/resource/index.ts'
import type { AgentStatus, JournalRecord, OfferedCall, VerbMethods } from '#platform/words/index.ts'
import { createTestCa } from './agent-ca.ts'

const ROOT = join(import.meta.dirname, '../..')
const TARBALL = join(ROOT, 'sdk/dist/tieline-agent.tgz')

export interface Test {
  after(run: () => unknown): void
}

/** Polls until it holds. */
export async function until(what: string, holds: () => boolean, ms = 10_000): Promise<void> {
  for (const end = Date.now() + ms; !holds(); await new Promise((r) => setTimeout(r, 5))) {
    if (Date.now() > end) throw new Error(`${what} did not come about`)
  }
}

const MANIFEST = JSON.stringify({ name: 'bundle', type: 'module', private: true })

/** Builds the SDK where its sources are newer than the tarball. */
function buildSdk(): void {
  const built = statSync(TARBALL, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const sources = ['sdk/src', 'sdk', 'src/protocol/link'].flatMap((d) => readdirSync(join(ROOT, d)).map((f) => join(ROOT, d, f)))
  const newest = Math.max(...sources.filter((f) => /[.](ts|mjs|json)$/.test(f)).map((f) => statSync(f).mtimeMs))
  if (built < newest) execFileSync(process.execPath, [join(ROOT, 'sdk/build.mjs')], { stdio: 'pipe' })
}

/** The SDK as others get it: the packed tarball, installed by npm into a folder of its own. */
export function installSdk(into: string): void {
  buildSdk()
  mkdirSync(into, { recursive: true })
  writeFileSync(join(into, 'package.json'), MANIFEST)
  const args = ['install', '--offline', '--no-audit', '--no-fund', '--no-package-lock', TARBALL]
  execFileSync('npm', args, { cwd: into, stdio: 'pipe' })
}

/** The same without npm, for tests that make many bundles. */
function unpackSdk(into: string): void {
  buildSdk()
  const folder = join(into, 'node_modules/@tieline/agent')
  mkdirSync(folder, { recursive: true })
  extract({ file: TARBALL, cwd: folder, strip: 1, sync: true })
  writeFileSync(join(into, 'package.json'), MANIFEST)
}

export type Verb = (subscriber: Id<'sub'>, method: string, params: { call: Id<'call'> }, signal: AbortSignal) => unknown

/** A network namespace, a gateway, a CA, and bundles: all that an agent meets, without a switch. */
export async function agentWorld(t: Test, onVerb: Verb = () => null) {
  const directory = mkdtempSync(join(tmpdir(), 'tl-agent-'))
  chmodSync(directory, 0o755)
  // What was made last goes first.
  const stack = new AsyncDisposableStack()
  t.after(() => stack.disposeAsync())
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const netns = `tlag${token(3)}`
  execFileSync('ip', ['netns', 'add', netns])
  stack.defer(() => void execFileSync('ip', ['netns', 'del', netns]))
  execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up'])

  const ca = await createTestCa()
  const acme = newId('sub')
  // Files run side by side: what one's agent may is not spoilt by another's.
  const uid = randomInt(20_000, 30_000)
  const identity = { ...(await ca.agent(acme)), ca: ca.certificate, switchName: 'switch.tieline' }
  const current = new Set([new X509Certificate(identity.certificate).fingerprint256])
  const linkSocket = join(directory, 'run', 'agents', 'link.sock')
  const waiting: (() => void)[] = []
  const open = async (): Promise<AgentGateway> =>
    createAgentGateway({
      path: linkSocket,
      log: silentLog,
      ...(await ca.switch()),
      ca: ca.certificate,
      isCurrent: (subscriber, fingerprint) => subscriber === acme && current.has(fingerprint),
      onVerb: async (subscriber, method, params, signal) =>
        (await onVerb(subscriber, method, params, signal)) as VerbMethods[typeof method]['result'],
      onState: (_subscriber, state) => {
        if (state === 'connected') for (const resolve of waiting.splice(0)) resolve()
      },
    })
  let gateway = await open()
  stack.defer(() => gateway.close())
  const sdk = join(directory, 'sdk')
  unpackSdk(sdk)
  const parts = prepareSandbox({
    node: reachableNode(ROOT, directory),
    bootstrapSource: join(ROOT, 'src/main/agent.ts'),
    directory: join(directory, 'parts'),
  })

  // The leases are real ones; what asks for them over a link elsewhere does so here by itself.
  const records: JournalRecord[] = []
  const record = (entry: JournalRecord) => void records.push(structuredClone(entry))
  const registry = new ResourceRegistry({ clock: systemClock, boot: 'b1', record })
  const configure = (capacity: number, ceiling = 384) =>
    registry.configure({
      capacities: [{ kind: 'agent.memory', capacity }],
      subscribers: [{ id: acme, allocations: [{ kind: 'agent.memory', guaranteed: 128, ceiling }] }],
      trunks: [],
    })
  configure(10_000)
  const memory = new AgentMemory({
    ...{ registry, record, clock: systemClock, boot: 'b1', log: silentLog },
    subscriber: () => ({ agent: { memoryMebibytes: 128 } }),
    endOfDay: () => Number.POSITIVE_INFINITY,
  })
  stack.defer(() => memory.close())

  let bundles = 0
  return {
    registry,
    records,
    /** The node has so much memory for agents, and the subscriber a ceiling of its own: MiB. */
    configure,
    directory,
    netns,
    uid,
    acme,
    ca,
    current,
    parts,
    linkSocket,
    get gateway() {
      return gateway
    },
    /** Resolves when an agent connects. */
    nextConnection: () => new Promise<void>((resolve) => void waiting.push(resolve)),
    /** As the switch does when it restarts. */
    async reopenGateway() {
      await gateway.close()
      gateway = await open()
    },
    /** A bundle whose entry is this program text. */
    bundle(source: string): { id: Id<'agt'>; digest: string; path: string; entry: string } {
      const path = join(directory, `bundle-${++bundles}`)
      cpSync(sdk, path, { recursive: true })
      writeFileSync(join(path, 'index.js'), source)
      return { id: newId('agt'), digest: '', path, entry: 'index.js' }
    },
    supervise(over: Partial<ConstructorParameters<typeof AgentSupervisor>[0]> = {}) {
      const statuses: AgentStatus[] = []
      const supervisor = new AgentSupervisor({
        subscriber: acme,
        name: 'acme',
        instance: `t${token(2)}`,
        uid,
        namespace: `/run/netns/${netns}`,
        linkSocket,
        parts,
        directory: join(directory, 'etc'),
        logs: join(directory, 'logs'),
        clock: systemClock,
        log: silentLog,
        onStatus: (status) => statuses.push(status),
        async memory(agent, mebibytes) {
          const sandbox = token(4)
          await memory.take({ sandbox, subscriber: acme, agent, mebibytes })
          return { agent, mebibytes, release: (reason) => memory.free(sandbox, reason) }
        },
        backOff: { firstMs: 20, maxMs: 100 },
        ...over,
      })
      stack.defer(() => supervisor.close())
      return { supervisor, statuses }
    },
    desired(
      version: ReturnType<typeof this.bundle> | null,
      over: Partial<DesiredAgent['config']> = {},
      dns: DesiredAgent['dns'] = null,
    ): DesiredAgent {
      return {
        config: { version, memoryMebibytes: 128, cpuShare: 1, maxProcesses: 64, ...over },
        dns,
        identity,
      }
    },
    offer(number = '+3225550101'): OfferedCall {
      return { call: newId('call'), from: { number }, to: { number: '+3225550199' }, anonymous: false, deadlineMs: 2000 }
    },
  }
}
