import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { sleep } from '../peer/index.ts'
import type { Namespace } from './namespace.ts'

/** Resolves when what has been captured by now has reached the programs that write it. */
export function settled(): Promise<void> {
  return sleep(1200)
}

/** Where the capture of a role is kept. */
export function captureFile(directory: string, role: string): string {
  return join(directory, `${role}.pcap`)
}

/** All packets of one namespace, into a file, from now until it is closed. */
export class Capture implements AsyncDisposable {
  readonly role: string
  readonly file: string
  #child: ChildProcess

  private constructor(role: string, file: string, child: ChildProcess) {
    this.role = role
    this.file = file
    this.#child = child
  }

  /** Resolves when it is listening: no later packet is missed. */
  static async start(namespace: Namespace, directory: string): Promise<Capture> {
    const file = captureFile(directory, namespace.role)
    const child = namespace.spawn(['tcpdump', '-i', 'any', '-n', '-s', '0', '-B', '8192', '-Z', 'root', '-w', file])
    let said = ''
    await new Promise<void>((resolve, reject) => {
      child.on('exit', (code) => reject(new Error(`tcpdump in ${namespace.role} ended with ${code}: ${said}`)))
      child.on('error', reject)
      child.stderr?.on('data', (chunk) => {
        said += chunk
        if (said.includes('listening on')) resolve()
      })
    })
    return new Capture(namespace.role, file, child)
  }

  /** Has the file complete up to about a second ago, without ending: see {@link settled}. */
  flush(): void {
    this.#child.kill('SIGUSR2')
  }

  /** Ends it. What came in the last second may be lost, because the kernel hands packets over in blocks: see {@link settled}. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGINT')
    await exited
  }
}
