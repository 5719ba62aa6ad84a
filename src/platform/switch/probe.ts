import { isIP } from 'node:net'
import { TielineError } from '#lib/index.ts'
import type { SubscriberConfig, SwitchMethods } from '#platform/words/index.ts'
import type { Hop } from '#protocol/sip/index.ts'
import type { SwitchRealm } from './realm.ts'

/** How a site is called: its PBX has no certificate that anybody could know. */
export const SITE_TRANSPORTS = ['udp', 'tcp'] as const

/** Servers of one name that are asked. */
const MOST_PROBED = 8

export type ProbeResult = SwitchMethods['channel.probe']['result']

/** Asks the site's DNS for its PBX, and its PBX for a sign of life, from inside the subscriber's namespace. */
export async function probeSite(site: SwitchRealm, subscriber: SubscriberConfig, timeoutMs: number): Promise<ProbeResult> {
  const { pbx } = subscriber.site
  const host = pbx?.host
  // A PBX that registers is asked for nothing: its registration is the sign of its life.
  if (!pbx || host === undefined) return { dns: null, pbx: null }
  const wanted = { name: host, port: pbx.port, transport: pbx.transport, speaks: SITE_TRANSPORTS }
  try {
    const servers = await site.names.servers(wanted, { like: site.local.address, patienceMs: timeoutMs / 2 })
    const said = servers.map(({ address, port, transport }) => `${address}:${port} by ${transport.toUpperCase()}`).join(', ')
    const dns = isIP(host) === 0 ? { ok: true, text: `The site's DNS says ${said} for ${host}.` } : null
    const probed = await Promise.all(servers.slice(0, MOST_PROBED).map((server) => probePbx(site, server, timeoutMs)))
    return { dns, pbx: { ok: probed.some(({ ok }) => ok), text: probed.map(({ text }) => text).join(' ') } }
  } catch (error) {
    if (!(error instanceof TielineError)) throw error
    const text = `The site's DNS did not tell the address of ${host} (${String(error.details.why)}); check that it answers the tunnel's address.`
    return { dns: { ok: false, text }, pbx: null }
  }
}

/** SIP OPTIONS (RFC 3261 §11): any answer at all proves the road there and back. */
async function probePbx(site: SwitchRealm, at: Hop, timeoutMs: number): Promise<{ ok: boolean; text: string }> {
  const where = `${at.address}:${at.port}`
  try {
    const answer = await site.agent.request({
      method: 'OPTIONS',
      uri: `sip:${where}${at.transport === 'udp' ? '' : `;transport=${at.transport}`}`,
      to: at,
      from: `<sip:tieline@${site.local.address}>`,
      toHeader: `<sip:${where}>`,
      timeoutMs,
    })
    return { ok: true, text: `The PBX at ${where} answered OPTIONS with ${answer.status}.` }
  } catch {
    return {
      ok: false,
      text: `The PBX at ${where} did not answer OPTIONS within ${timeoutMs} ms; check that it is up and knows the way back.`,
    }
  }
}
