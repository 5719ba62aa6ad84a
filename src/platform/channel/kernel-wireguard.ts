import { run } from '#lib/index.ts'
import { type DeviceConfig, parseDump, toConfigText } from '#protocol/wireguard/index.ts'
import { runInside } from './namespace.ts'
import type { OpenTunnel } from './tunnel.ts'

/** Whether this kernel has WireGuard: an interface is made and taken away again. */
export async function kernelHasWireGuard(probeName: string): Promise<boolean> {
  try {
    await run('ip', ['link', 'add', probeName, 'type', 'wireguard'])
  } catch {
    return false
  }
  await run('ip', ['link', 'del', probeName])
  return true
}

/** A tunnel of the kernel's WireGuard. Its UDP socket stays in the namespace in which it was made: the node's own. */
export const openKernelTunnel: OpenTunnel = async (request) => {
  const { interface: device, namespace } = request
  await run('ip', ['link', 'add', device, 'mtu', String(request.mtu), 'type', 'wireguard'])
  const configure = async (config: DeviceConfig) => {
    // `cat` makes a pipe of it: our standard input is a socket, which wg cannot open by its path.
    await runInside(namespace, ['sh', '-c', 'cat | wg setconf "$1" /dev/stdin', 'sh', device], toConfigText(config))
  }
  try {
    await run('ip', ['link', 'set', device, 'netns', namespace])
  } catch (error) {
    await run('ip', ['link', 'del', device])
    throw error
  }
  await configure(request.device)
  let closed = false
  return {
    configure,
    async reroute({ publicKey, allowedIps }) {
      await runInside(namespace, ['wg', 'set', device, 'peer', publicKey, 'allowed-ips', allowedIps.join(',')])
    },
    status: async () => parseDump(await runInside(namespace, ['wg', 'show', device, 'dump'])),
    died: new Promise(() => {}),
    pid: null,
    async close() {
      if (closed) return
      closed = true
      await runInside(namespace, ['ip', 'link', 'del', device]).catch(() => {}) // gone with its namespace already
    },
  }
}
