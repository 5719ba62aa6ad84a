import { until } from '../peer/index.ts'
import { OFFICE } from '../world/index.ts'
import { askEcho, echoIn } from './echo.ts'
import type { OfficeWorld } from './office-world.ts'

const ECHO_PORT = 7007
const PLANNED = 1420
/** Of WireGuard over IPv4: 20 of IP, 8 of UDP, 32 of its own, and what it pads. */
const OVERHEAD = { least: 56, most: 76 }

/**
 * Connects the first office anew by a way that carries `path` bytes and loses what is larger without a word. Resolves when both
 * ends have found that out, with what then came back whole of what the platform sent to the office: see {@link askEcho}.
 */
export async function narrowed({ world, platform, installed }: OfficeWorld, path: number): Promise<string[]> {
  const office = world.offices[0]!
  const { name } = office.plan
  using _echo = await echoIn(office.machines.pbx.name, ECHO_PORT)
  await office.disconnect()
  // A cable whose ends disagree drops what is too large for the other one.
  await world.net.ip(`link set to-${name} mtu ${path}`)
  await office.connect(installed.get(name)!.siteFile)
  const [least, most] = [Math.min(PLANNED, path - OVERHEAD.most), Math.min(PLANNED, path - OVERHEAD.least)]
  const ours = async () => (await platform.api<{ mtu: number; state: string }>('GET', `/v1/subscribers/${name}/channel`)).mtu
  const theirs = async () => Number(/mtu (\d+)/.exec(await office.router.run(['ip', 'link', 'show', office.tunnel]))![1])
  for (const [who, width] of [
    ['platform', ours],
    ['site', theirs],
  ] as const)
    await until(
      `the ${who} to find a way of ${path}`,
      async () => {
        const found = await width()
        return found <= most && (who === 'site' || found >= least)
      },
      60_000,
      100,
    )
  return await askEcho(world.platformNamespaces()[0]!, OFFICE.pbx, ECHO_PORT)
}
