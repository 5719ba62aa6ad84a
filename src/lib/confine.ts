/** How a process of ours is started from root: what it may see and who it becomes. */
export interface Confinement {
  /** An account of /etc/passwd. */
  user: string
  /** Its group, by name or number; by default the one of the same name. */
  group?: string
  /** Further groups. */
  groups?: string[]
  /** Capabilities that it keeps, as setpriv(1) writes them (`net_admin`); none by default. */
  capabilities?: string[]
  /** Capabilities that it does not get and could not use, but that its file asks for: execve refuses it without. */
  bounding?: string[]
  /** Directories that it sees elsewhere, in a mount namespace of its own. */
  binds?: { from: string; to: string; readOnly?: boolean }[]
  /** The cgroup directory that it belongs to before it is anything else. */
  cgroup?: string | null
  /** What it gets when its parent dies; default KILL. */
  deathSignal?: 'KILL' | 'INT' | 'QUIT'
}

const SCRIPT = `set -e
umask 002
if [ -n "$1" ]; then echo 0 > "$1/cgroup.procs"; fi
shift
while [ "$1" != -- ]; do
  mount --bind "$1" "$2"
  if [ "$3" = ro ]; then mount -o remount,bind,ro "$2"; fi
  shift 3
done
shift
exec "$@"`

/**
 * The command line that runs `command` confined. It execs all the way, so that the child's process id is the program's own.
 * The mount namespace is a slave of the parent's: a mount that the parent takes away is gone there too, or it would pin a
 * network namespace after its removal.
 */
export function confine(confinement: Confinement, command: readonly string[]): { program: string; args: string[] } {
  const {
    user,
    group = user,
    groups = [],
    capabilities = [],
    bounding = [],
    binds = [],
    cgroup,
    deathSignal = 'KILL',
  } = confinement
  const only = (names: string[]) => ['-all', ...names.map((name) => `+${name}`)].join(',')
  const kept = only(capabilities)
  const drop = [
    'setpriv',
    ...['--reuid', user, '--regid', group],
    ...(groups.length ? ['--groups', groups.join(',')] : ['--clear-groups']),
    ...['--inh-caps', kept, '--ambient-caps', kept, '--bounding-set', only([...capabilities, ...bounding])],
    ...['--no-new-privs', '--pdeathsig', deathSignal, '--'],
  ]
  const mounts = binds.flatMap(({ from, to, readOnly }) => [from, to, readOnly ? 'ro' : 'rw'])
  return {
    program: 'unshare',
    args: [
      ...['--mount', '--propagation', 'slave', '--', 'sh', '-c', SCRIPT, 'sh'],
      ...[cgroup ?? '', ...mounts, '--', ...drop, ...command],
    ],
  }
}
