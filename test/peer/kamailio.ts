import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './clock.ts'

export interface KamailioOptions {
  /** Where it listens, at port 5060. */
  address: string
  /** Where a new request goes, as a SIP URI: by the address that it comes from, else to `onward`. */
  from?: Record<string, string>
  onward: string
  /** Whether TCP is listened for beside UDP. Default false. */
  tcp?: boolean
  /** Whether a request inside a dialog goes onward too where it has no Route, as SIPp's have none. Default false: 404. */
  lenient?: boolean
  /** Processes that read each socket. Default 1. */
  children?: number
}

/** Debian's Kamailio as a transaction-stateful, record-routing proxy. Inside dialogs it goes by Route. */
export class Kamailio implements Disposable {
  readonly #child: ChildProcess
  readonly #directory = mkdtempSync(join(tmpdir(), 'tl-kamailio-'))
  readonly #gone: Promise<void>
  #output = ''

  constructor(options: KamailioOptions) {
    const file = join(this.#directory, 'kamailio.cfg')
    writeFileSync(file, configuration(options))
    const args = ['-f', file, '-DD', '-E', '-Y', this.#directory, '-m', '64', '-M', '8']
    this.#child = spawn('kamailio', args, { cwd: this.#directory, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-4000)
    })
    this.#gone = new Promise((resolve) => this.#child.once('close', () => resolve()))
    this.#child.once('error', (error) => {
      this.#output += error.message
    })
  }

  /** Resolves when its socket is there; rejects with what it says when it ends first. */
  static async start(options: KamailioOptions): Promise<Kamailio> {
    const kamailio = new Kamailio(options)
    const hex = options.address
      .split('.')
      .reverse()
      .map((part) => Number(part).toString(16).padStart(2, '0').toUpperCase())
      .join('')
    const bound = () => {
      if (kamailio.#child.exitCode !== null) throw new Error(`kamailio has ended: ${kamailio.#output}`)
      return readFileSync('/proc/net/udp', 'utf8').includes(`${hex}:13C4`)
    }
    try {
      await until('Kamailio to listen', bound, 10_000)
    } catch (error) {
      kamailio[Symbol.dispose]()
      throw error
    }
    return kamailio
  }

  /** The main process and its workers. */
  get pids(): number[] {
    const main = this.#child.pid
    if (!main) return []
    return [main, ...childrenOf(main)]
  }

  /** As a machine that loses its power: nobody is told. */
  async kill(): Promise<void> {
    for (const pid of this.pids) process.kill(pid, 'SIGKILL')
    await this.#gone
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGTERM')
    void this.#gone.then(() => rmSync(this.#directory, { recursive: true, force: true }))
  }
}

function childrenOf(parent: number): number[] {
  const pids: number[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent) pids.push(Number(name))
    } catch {
      // gone meanwhile
    }
  }
  return pids
}

function configuration({ address, from = {}, onward, tcp = false, children = 1, lenient = false }: KamailioOptions): string {
  const ways = Object.entries(from).map(([source, to]) => `if ($si == "${source}") { $du = "${to}"; }`)
  const astray = lenient
    ? `$du = "${onward}"; t_relay(); exit;`
    : `if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; } sl_send_reply("404", "No Route"); exit;`
  return `
debug=-1
log_stderror=yes
fork=yes
children=${children}
auto_aliases=no
${tcp ? `tcp_children=1\ntcp_source_ipv4=${address}\nlisten=tcp:${address}:5060` : 'disable_tcp=yes'}
listen=udp:${address}:5060
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    ${astray}
  }
  if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
  if (is_method("INVITE")) {
    record_route();
    $du = "${onward}";
    ${ways.join('\n    ')}
    if (!t_relay()) sl_reply_error();
    exit;
  }
  sl_send_reply("405", "Method Not Allowed");
}
`
}
