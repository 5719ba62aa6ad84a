import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { TielineError } from '#lib/index.ts'
import { SHARED } from '#platform/words/index.ts'

/** An account of the system, by its numbers. */
export interface Account {
  name: string
  uid: number
  gid: number
}

export interface Accounts {
  switch: Account
  voice: Account
  control: Account
  db: Account
  tunnel: Account
  /** The group that reaches the links. */
  links: { name: string; gid: number }
}

const LINKS_GROUP = 'tieline'

/** Reads the platform's accounts. Throws when one is missing: the start checks have said so before. */
export function readAccounts(): Accounts {
  const passwd = table('/etc/passwd')
  const account = (name: string): Account => {
    const line = passwd.get(name)
    if (!line) throw new Error(`there is no account ${name}`)
    return { name, uid: Number(line[2]), gid: Number(line[3]) }
  }
  const gid = Number(table('/etc/group').get(LINKS_GROUP)?.[2] ?? Number.NaN)
  if (Number.isNaN(gid)) throw new Error(`there is no group ${LINKS_GROUP}`)
  return {
    switch: account('tieline-switch'),
    voice: account('tieline-voice'),
    control: account('tieline-control'),
    db: account('tieline-db'),
    tunnel: account('tieline-tunnel'),
    links: { name: LINKS_GROUP, gid },
  }
}

function table(file: string): Map<string, string[]> {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  return new Map(lines.map((line) => line.split(':')).map((fields) => [fields[0] ?? '', fields]))
}

/** Where everything of one instance is. */
export interface StatePaths {
  state: string
  secret: string
  host: string
  run: string
  /** Where children see the installed tree. */
  tree: string
  switch: string
  voice: string
  control: string
  db: string
  /** The PostgreSQL socket: for control alone. */
  dbSocket: string
  /** wireguard-go's control sockets. */
  tunnels: string
  /** Unpacked agents: control writes, every agent's uid reads. */
  bundles: string
  /** The Node binary for sandboxes, where the tree's own cannot be reached. */
  node: string
  /** Small files for sandboxes. */
  sandboxes: string
  agentLogs: string
  /** What calls record: switch and voice write, control reads. */
  recordings: string
}

export function statePaths(state: string): StatePaths {
  return {
    state,
    secret: join(state, 'secret'),
    host: join(state, 'host'),
    run: join(state, 'run'),
    tree: join(state, 'tree'),
    switch: join(state, 'switch'),
    voice: join(state, 'voice'),
    control: join(state, 'control'),
    db: join(state, 'db'),
    dbSocket: join(state, 'run', 'db'),
    tunnels: join(state, 'run', 'tunnels'),
    bundles: join(state, SHARED.bundles),
    node: join(state, 'node'),
    sandboxes: join(state, 'run', 'sandboxes'),
    agentLogs: join(state, 'agent-logs'),
    recordings: join(state, SHARED.recordings),
  }
}

/**
 * Makes the state directory and gives each part to whom it belongs. What lies under `run` does not outlive a run and is
 * emptied. Throws one clear sentence when the accounts cannot reach it.
 */
export function prepareState(state: string, accounts: Accounts): StatePaths {
  const paths = statePaths(state)
  mkdirSync(state, { recursive: true, mode: 0o711 })
  reachable(state)
  rmSync(paths.run, { recursive: true, force: true })
  const { links } = accounts
  const own = (path: string, uid: number, gid: number, mode: number) => {
    mkdirSync(path, { recursive: true })
    chownSync(path, uid, gid)
    chmodSync(path, mode)
  }
  own(state, 0, 0, 0o711)
  own(paths.secret, 0, 0, 0o700)
  own(paths.host, 0, 0, 0o700)
  own(paths.tree, 0, 0, 0o755)
  // Each process makes its own socket here: it belongs to the group of the links, and nobody else can take it away.
  own(paths.run, 0, links.gid, 0o3771)
  // All that a sandbox sees of us: the switch's link, and voice's audio sockets, which neither can take from the other.
  own(join(paths.run, 'agents'), accounts.switch.uid, links.gid, 0o3775)
  own(paths.dbSocket, accounts.db.uid, accounts.control.gid, 0o2750)
  own(paths.tunnels, accounts.tunnel.uid, accounts.tunnel.gid, 0o700)
  own(paths.sandboxes, 0, 0, 0o711)
  own(paths.node, 0, 0, 0o711)
  own(paths.switch, accounts.switch.uid, accounts.switch.gid, 0o700)
  own(paths.voice, accounts.voice.uid, accounts.voice.gid, 0o700)
  own(paths.control, accounts.control.uid, accounts.control.gid, 0o700)
  own(paths.db, accounts.db.uid, accounts.db.gid, 0o700)
  own(paths.bundles, accounts.control.uid, links.gid, 0o2755)
  own(paths.agentLogs, 0, 0, 0o700)
  own(paths.recordings, 0, links.gid, 0o2770)
  return paths
}

function reachable(state: string): void {
  for (let path = state; path !== '/'; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) !== 0) continue
    const verdict = { code: 'state-unreachable', fault: 'caller', retry: false, http: 500 } as const
    throw new TielineError(
      `The state directory ${state} cannot be reached by the platform's accounts, since ${path} is closed to them: ` +
        `choose another place, or chmod o+x ${path}`,
      verdict,
    )
  }
}

/** A secret of `bytes` random bytes that is made once, and that only root reads. */
export function keptSecret(paths: StatePaths, name: string, bytes = 32): Buffer {
  const file = join(paths.secret, name)
  try {
    const secret = readFileSync(file)
    if (secret.length !== bytes) throw new Error(`${file} is damaged: it has ${secret.length} bytes instead of ${bytes}`)
    return secret
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const secret = randomBytes(bytes)
  const draft = `${file}.new`
  rmSync(draft, { force: true })
  const descriptor = openSync(draft, 'wx', 0o400)
  try {
    writeSync(descriptor, secret)
  } finally {
    closeSync(descriptor)
  }
  renameSync(draft, file)
  return secret
}

/** Replaces a file as a whole: a crash leaves the old one or the new one. */
export function replaceFile(path: string, text: string, mode = 0o600): void {
  writeFileSync(`${path}.new`, text, { mode })
  renameSync(`${path}.new`, path)
}
