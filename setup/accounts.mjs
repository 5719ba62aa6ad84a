// The system accounts of the platform: one for each process that is not root, and the group that may use the links.
// Plain JavaScript for any Node from 20 on, since set-up runs it before the pinned Node is there.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The group that reaches the sockets of the links. */
export const LINKS_GROUP = 'tieline'

/** One account a process, and whether it belongs to the group of the links. */
const ACCOUNTS = [
  { name: 'tieline-switch', links: true },
  { name: 'tieline-voice', links: true },
  { name: 'tieline-control', links: true },
  { name: 'tieline-db', links: false },
  { name: 'tieline-tunnel', links: false },
]

function names(file) {
  const lines = readFileSync(file, 'utf8').split('\n')
  return new Map(lines.filter(Boolean).map((line) => [line.split(':')[0], line.split(':')]))
}

function run(program, args) {
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`
  const result = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, PATH: path } })
  if (result.status !== 0)
    throw new Error(`${program} ${args.join(' ')} failed: ${result.error?.message ?? result.stderr.trim()}`)
}

/** The uids of the accounts that are there. */
export function accountUids() {
  const users = names('/etc/passwd')
  return ACCOUNTS.flatMap(({ name }) => users.get(name)?.[2] ?? [])
}

/** Which of the accounts and groups are not there yet. */
export function missingAccounts() {
  const users = names('/etc/passwd')
  const missing = ACCOUNTS.filter(({ name }) => !users.has(name)).map(({ name }) => name)
  return names('/etc/group').has(LINKS_GROUP) ? missing : [LINKS_GROUP, ...missing]
}

/** Makes the missing accounts, without home and shell; answers with the names of those that it made. */
export function ensureAccounts() {
  const made = missingAccounts()
  if (made.includes(LINKS_GROUP)) run('groupadd', ['--system', LINKS_GROUP])
  for (const { name } of ACCOUNTS) {
    if (!made.includes(name)) continue
    run('useradd', [
      '--system',
      '--user-group',
      '--no-create-home',
      '--home-dir',
      '/nonexistent',
      '--shell',
      '/usr/sbin/nologin',
      name,
    ])
  }
  const members = new Set((names('/etc/group').get(LINKS_GROUP)?.[3] ?? '').split(','))
  for (const { name, links } of ACCOUNTS)
    if (links && !members.has(name)) run('usermod', ['--append', '--groups', LINKS_GROUP, name])
  return made
}
