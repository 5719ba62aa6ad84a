import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Debian's Kamailio as a transaction-stateful, record-routing proxy in front of one callee. */
export class Kamailio implements Disposable {
  readonly #child: ChildProcess

  constructor(options: { directory: string; address: string; callee: string }) {
    const { directory, address, callee } = options
    const file = join(directory, 'kamailio.cfg')
    writeFileSync(file, configuration(address, callee))
    const args = ['-f', file, '-DD', '-E', '-Y', directory, '-m', '64', '-M', '8']
    this.#child = spawn('kamailio', args, { cwd: directory, stdio: 'ignore' })
  }

  /** The main process and its workers. */
  get pids(): number[] {
    const main = this.#child.pid
    if (!main) return []
    return [main, ...childrenOf(main)]
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGTERM')
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

function configuration(address: string, callee: string): string {
  return `
debug=-1
log_stderror=yes
fork=yes
children=2
auto_aliases=no
disable_tcp=yes
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
    if (!loose_route()) { $du = "sip:${callee}:5060"; }
    t_relay();
    exit;
  }
  if (is_method("INVITE")) {
    record_route();
    $du = "sip:${callee}:5060";
    if (!t_relay()) sl_reply_error();
  }
}
`
}
