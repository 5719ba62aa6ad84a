import { join } from 'node:path'
import type { Log } from '#lib/index.ts'
import type { Publisher } from '#platform/subscriber/index.ts'
import { type HostMethods, type HostNotifications, LINKS, LONGEST_LINE, type SwitchMethods } from '#platform/words/index.ts'
import { connectLink, type LinkClient } from '#protocol/link/index.ts'

/** The version of the contracts that this process speaks. */
const VERSION = 1

/** The host waits for the kernel, the switch for a turn of its loop. */
const PUBLISH_MS = 15_000

export interface ControlLinks extends Disposable {
  host: LinkClient<{ calls: HostMethods; hears: HostNotifications }>
  switch: LinkClient<{ calls: SwitchMethods }>
}

/** Links to host and switch; whoever comes back is published to, at first the whole. */
export function connectLinks({ run, publisher, log }: { run: string; publisher: Publisher; log: Log }): ControlLinks {
  const hello = { process: 'control', version: VERSION }
  const published = (name: 'host' | 'switch', publish: Parameters<Publisher['attach']>[1]['publish']) => {
    let detach = () => {}
    return {
      onConnected() {
        detach()
        detach = publisher.attach(name, { publish })
      },
      onLost: () => detach(),
    }
  }
  const host: ControlLinks['host'] = connectLink({
    path: join(run, LINKS.host),
    hello,
    maxLineBytes: LONGEST_LINE,
    log,
    ...published('host', (params) => host.call('publish', params, { timeoutMs: PUBLISH_MS })),
  })
  const callSwitch: ControlLinks['switch'] = connectLink({
    path: join(run, LINKS.switch),
    hello,
    maxLineBytes: LONGEST_LINE,
    log,
    ...published('switch', (params) => callSwitch.call('publish', params, { timeoutMs: PUBLISH_MS })),
  })
  return {
    host,
    switch: callSwitch,
    [Symbol.dispose]() {
      host[Symbol.dispose]()
      callSwitch[Symbol.dispose]()
    },
  }
}
