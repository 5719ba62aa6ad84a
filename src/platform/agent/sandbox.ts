import { execFileSync } from 'node:child_process'
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What of the platform goes into every sandbox. Every path must be readable for the subscribers' uids. */
export interface SandboxParts {
  /** The Node binary, and the libraries that it needs. */
  node: string
  libraries: string[]
  /** The bootstrap as JavaScript. */
  bootstrap: string
}

export interface SandboxOptions {
  parts: SandboxParts
  /** The unpacked bundle and its entry within. */
  bundle: string
  entry: string
  /** The subscriber's network namespace: `/run/netns/…`. */
  namespace: string
  /** Uid and gid outside; inside it is 1000. */
  uid: number
  hostname: string
  /** The directory that holds the link's socket and nothing else. */
  linkDirectory: string
  /** The socket's name in it. */
  linkName: string
  /** Holds the files made by {@link writeSandboxFiles}. */
  etc: string
  memoryMebibytes: number
  /** Files that a process writes 0 into to join its control group. */
  cgroupProcs: string[]
}

/** Gathers what goes into every sandbox: strips the types of the bootstrap and asks the loader for Node's libraries. */
export function prepareSandbox(options: { node: string; bootstrapSource: string; directory: string }): SandboxParts {
  mkdirSync(options.directory, { recursive: true, mode: 0o755 })
  const bootstrap = join(options.directory, 'bootstrap.mjs')
  writeFileSync(bootstrap, withoutTypes(options.node, options.bootstrapSource), { mode: 0o644 })
  const listed = execFileSync('ldd', [options.node], { encoding: 'utf8' })
  return { node: realpathSync(options.node), libraries: [...listed.matchAll(/(\/\S+) \(0x/g)].map((m) => m[1]!), bootstrap }
}

/**
 * Stripped once here, and not by each agent at its start. In a process of its own, since Node warns that the function is
 * experimental wherever it is called.
 */
function withoutTypes(node: string, file: string): string {
  const program =
    'process.stdout.write(require("node:module").stripTypeScriptTypes(require("node:fs").readFileSync(process.argv[1], "utf8")))'
  const args = ['--disable-warning=ExperimentalWarning', '-e', program, file]
  return execFileSync(node, args, { encoding: 'utf8' })
}

/** The few files of /etc. Without DNS of the site resolv.conf names nobody, and nobody outside is ever asked (T08). */
export function writeSandboxFiles(etc: string, dns: { servers: string[]; search?: string } | null): void {
  mkdirSync(etc, { recursive: true, mode: 0o755 })
  const resolv = dns
    ? [
        ...dns.servers.map((s) => `nameserver ${s}`),
        ...(dns.search ? [`search ${dns.search}`] : []),
        'options timeout:1 attempts:2',
      ]
    : []
  const files = {
    'resolv.conf': resolv.map((l) => `${l}\n`).join(''),
    hosts: '127.0.0.1 localhost\n::1 localhost\n',
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
    passwd: 'agent:x:1000:1000:agent:/tmp:/bin/false\n',
    group: 'agent:x:1000:\n',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(etc, name), text, { mode: 0o644 })
}

/** Joins the control group first, so that not even the set-up is free; descriptors and core dumps are bounded. */
const SCRIPT = `set -e
while [ "$1" != -- ]; do echo 0 > "$1"; shift; done
shift
ulimit -n 4096
ulimit -c 0
exec "$@"`

/**
 * The command line of a sandbox, to be started by root with descriptor 3 as its control pipe. It execs all the way to
 * bubblewrap, so that the child's process id is bubblewrap's. Bubblewrap comes last, after root is gone: started by root
 * it would leave the kernel's uid 0 outside.
 */
export function sandboxCommand(o: SandboxOptions): { program: string; args: string[] } {
  const id = String(o.uid)
  return {
    program: '/bin/sh',
    args: [
      ...['-c', SCRIPT, 'sh', ...o.cgroupProcs, '--'],
      ...['nsenter', `--net=${o.namespace}`, '--'],
      ...['setpriv', '--reuid', id, '--regid', id, '--clear-groups', '--inh-caps=-all', '--ambient-caps=-all'],
      ...['--bounding-set=-all', '--no-new-privs', '--pdeathsig', 'KILL', '--'],
      ...['bwrap', ...isolation(o), ...files(o), ...environment(o), '--', '/tieline/node', ...nodeFlags(o), '/tieline/agent.mjs'],
    ],
  }
}

function isolation(o: SandboxOptions): string[] {
  return [
    ...['--unshare-user', '--disable-userns', '--unshare-ipc', '--unshare-pid', '--unshare-uts', '--unshare-cgroup-try'],
    ...['--uid', '1000', '--gid', '1000', '--hostname', o.hostname, '--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
  ]
}

function files(o: SandboxOptions): string[] {
  const etc = ['resolv.conf', 'hosts', 'nsswitch.conf', 'passwd', 'group']
  return [
    ...['--proc', '/proc', '--dev', '/dev', '--size', String((o.memoryMebibytes << 20) >> 1), '--tmpfs', '/tmp'],
    ...o.parts.libraries.flatMap((path) => ['--ro-bind', path, path]),
    ...['--ro-bind', o.parts.node, '/tieline/node', '--ro-bind', o.parts.bootstrap, '/tieline/agent.mjs'],
    ...['--ro-bind', o.linkDirectory, '/tieline/run', '--ro-bind', o.bundle, '/agent'],
    ...etc.flatMap((name) => ['--ro-bind', join(o.etc, name), `/etc/${name}`]),
    ...['--ro-bind-try', '/etc/ssl/certs', '/etc/ssl/certs', '--remount-ro', '/', '--chdir', '/agent'],
  ]
}

function environment(o: SandboxOptions): string[] {
  const variables = {
    HOME: '/tmp',
    PATH: '/tieline',
    LANG: 'C.UTF-8',
    NODE_ENV: 'production',
    TIELINE_ENTRY: join('/agent', o.entry),
    TIELINE_LINK: join('/tieline/run', o.linkName),
    TIELINE_CONTROL: '3',
  }
  return ['--clearenv', ...Object.entries(variables).flatMap(([name, value]) => ['--setenv', name, value])]
}

/** Node sees the machine's memory, not the group's: it is told, so that it collects before the kernel kills. */
function nodeFlags(o: SandboxOptions): string[] {
  return [`--max-old-space-size=${Math.max(16, Math.floor(o.memoryMebibytes * 0.7))}`, '--max-semi-space-size=2']
}

/** The directory of a link's socket, as the sandbox binds it. */
export function linkLocation(socket: string): { linkDirectory: string; linkName: string } {
  return { linkDirectory: dirname(socket), linkName: socket.slice(dirname(socket).length + 1) }
}
