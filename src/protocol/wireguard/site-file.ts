import { isIP } from 'node:net'
import { oneLine } from './device.ts'

export interface SiteFile {
  /** For the comment at its head: whose file it is. */
  title: string
  /** Null when the site made its own key pair: the file then names where its own key is to be put. */
  privateKey: string | null
  /** The site's address in the tunnel. */
  address: string
  /** Beside an address of IPv4: the site's of IPv6, and the platform's. */
  ipv6?: { address: string; platform: string }
  mtu: number
  /** The platform's end. */
  platform: { publicKey: string; presharedKey: string; endpoint: { host: string; port: number }; address: string }
  keepaliveSeconds: number
  /**
   * How the site's hosts answer: `route` when the office's router sends the platform's address to this machine, `masquerade`
   * when this machine shall put its own address in front, so that nothing need be changed in the office.
   */
  lan: 'route' | 'masquerade'
}

/** The one file that a site needs, for `wg-quick up`. It has secrets. */
export function toSiteFile(file: SiteFile): string {
  const { platform } = file
  const ends = [{ address: file.address, platform: platform.address }, ...(file.ipv6 ? [file.ipv6] : [])]
  const endpoint = `${platform.endpoint.host.includes(':') ? `[${platform.endpoint.host}]` : platform.endpoint.host}:${platform.endpoint.port}`
  const lines = [
    `# ${file.title}`,
    '# Secret. Put it into /etc/wireguard/tieline.conf with mode 0600 and run: wg-quick up tieline',
    '[Interface]',
    file.privateKey ? `PrivateKey = ${file.privateKey}` : '# Your own private key goes here:\n# PrivateKey =',
    `Address = ${ends.map(({ address }) => host(address)).join(', ')}`,
    `MTU = ${file.mtu}`,
    '# The platform reaches the telephones, computers and databases behind this machine.',
    ...ends.flatMap((end) => forwardingLines(end.platform)),
    ...lanLines(file.lan, ends),
    ...widthLines(file),
    ...reresolveLines(file, endpoint),
    '',
    '[Peer]',
    `PublicKey = ${platform.publicKey}`,
    `PresharedKey = ${platform.presharedKey}`,
    `Endpoint = ${endpoint}`,
    `AllowedIPs = ${ends.map((end) => host(end.platform)).join(', ')}`,
    '# Keeps the way back open through the office router.',
    `PersistentKeepalive = ${file.keepaliveSeconds}`,
  ]
  return `${lines
    .flatMap((line) => line.split('\n'))
    .map(oneLine)
    .join('\n')}\n`
}

/** An address as the network of one. */
function host(address: string): string {
  return `${address}/${address.includes(':') ? 128 : 32}`
}

function forwardingLines(platform: string): string[] {
  if (!platform.includes(':')) return ['PostUp = sysctl -q -w net.ipv4.ip_forward=1']
  return [
    '# A machine that forwards IPv6 hears no router advertisements, by which this one may have its own address: it goes on to.',
    'PostUp = for heard in /proc/sys/net/ipv6/conf/*/accept_ra; do [ "$(cat "$heard")" != 1 ] || echo 2 > "$heard"; done',
    'PostUp = sysctl -q -w net.ipv6.conf.all.forwarding=1',
  ]
}

function lanLines(lan: SiteFile['lan'], ends: readonly { platform: string }[]): string[] {
  const addresses = ends.map(({ platform }) => platform)
  if (lan === 'route')
    return [
      `# On the office's router: send ${addresses.join(' and ')} to this machine's address in the office, or the hosts cannot answer.`,
    ]
  return [
    "# The platform appears under this machine's own address, so that the office needs no route.",
    ...addresses.flatMap((address) => {
      const table = address.includes(':') ? 'ip6' : 'ip'
      return [
        `PostUp = nft add table ${table} tieline`,
        `PostUp = nft add chain ${table} tieline postrouting '{ type nat hook postrouting priority srcnat; }'`,
        `PostUp = nft add rule ${table} tieline postrouting ${table} saddr ${address} oifname != %i masquerade`,
        `PostDown = nft delete table ${table} tieline`,
      ]
    }),
  ]
}

/** Bytes that are tried, the largest that passes whole is taken: what remains of paths of 1500, 1492, 1472, 1420, 1400, 1360 and 1280. */
const WIDTHS = [1420, 1408, 1392, 1360, 1328, 1296, 1280, 1216, 1152, 1024, 576]

/** Routers that drop ICMP tell nobody that a packet was too large: once the platform answers, what passes whole is looked for. */
function widthLines({ platform: { address }, ipv6, mtu }: SiteFile): string[] {
  // Linux takes IPv6 away from an interface that is narrower than 1280 (RFC 8200 §5).
  const least = ipv6 || address.includes(':') ? 1280 : 0
  const widths = [mtu, ...WIDTHS.filter((width) => width < mtu && width >= least)].join(' ')
  const headers = address.includes(':') ? 48 : 28
  const answers = `until ping -c 1 -W 2 ${address}; do sleep 2; wg show %i || exit; done`
  const passes = `ping -M do -c 2 -i 0.3 -W 1 -s $((width - ${headers})) ${address}`
  return [
    '# Makes the tunnel as wide as the way to the platform is, so that nothing is lost in between.',
    `PostUp = (${answers}; for width in ${widths}; do ip link set %i mtu $width; ${passes} && break; done) >/dev/null 2>&1 &`,
  ]
}

/** wg-quick resolves the endpoint's name once; this asks again every minute until the interface is gone. */
function reresolveLines(file: SiteFile, endpoint: string): string[] {
  if (isIP(file.platform.endpoint.host)) return []
  const again = `wg set %i peer ${file.platform.publicKey} endpoint ${endpoint}`
  return [
    '# Follows the platform when its name gets another address; ends with the interface.',
    `PostUp = (while sleep 60 && wg show %i >/dev/null 2>&1; do ${again}; done) >/dev/null 2>&1 &`,
  ]
}
