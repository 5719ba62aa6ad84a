import { type ChildProcess, spawn } from 'node:child_process'

/** What a program that came to its end had to say. */
export interface Outcome {
  code: number
  out: string
  err: string
}

/** Runs a program to its end; `input` goes to its standard input. Never rejects for an exit code. */
export function execute(command: readonly string[], input = '', env = process.env): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], env })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? -1, out, err }))
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

/** Like {@link execute}; rejects when the exit code is not 0. */
export async function must(command: readonly string[], input = '', env = process.env): Promise<string> {
  const { code, out, err } = await execute(command, input, env)
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${err.trim() || out.trim()}`)
  return out
}

/** A network namespace that the world has made: a machine of the world. */
export class Namespace {
  /** Its name below /run/netns. */
  readonly name: string
  /** What it is in the world: `carrier`, `acme-pbx`. */
  readonly role: string

  constructor(name: string, role: string) {
    this.name = name
    this.role = role
  }

  /**
   * Leads a command into it. `nsenter` rather than `ip netns exec`, which would give the command a mount namespace of its
   * own: namespaces that the platform makes in there would stay invisible to us.
   */
  get enter(): string[] {
    return ['nsenter', `--net=/run/netns/${this.name}`, '--']
  }

  run(command: readonly string[], input = ''): Promise<string> {
    return must([...this.enter, ...command], input)
  }

  /** Executes `ip` commands, one a line. */
  async ip(...lines: string[]): Promise<void> {
    await this.run(['ip', '-batch', '-'], `${lines.join('\n')}\n`)
  }

  spawn(command: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): ChildProcess {
    const [program, ...args] = [...this.enter, ...command]
    return spawn(program!, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  }
}

/** Makes namespaces, each with `lo` up and without IPv6, whose own chatter would only be noise in the captures. */
export async function makeNamespaces(names: { name: string; role: string }[]): Promise<Namespace[]> {
  await must(['ip', '-batch', '-'], names.map(({ name }) => `netns add ${name}\n`).join(''))
  const script = 'for c in all default; do echo 1 >/proc/sys/net/ipv6/conf/$c/disable_ipv6; done; exec ip link set lo up'
  const made = names.map(({ name, role }) => new Namespace(name, role))
  await Promise.all(made.map((namespace) => namespace.run(['sh', '-c', script])))
  return made
}

/** A cable between two machines. Neither end is ever in the machine that we run on. */
export async function cable(a: Namespace, aName: string, b: Namespace, bName: string): Promise<void> {
  await must(['ip', 'link', 'add', 'name', aName, 'netns', a.name, 'type', 'veth', 'peer', 'name', bName, 'netns', b.name])
}
