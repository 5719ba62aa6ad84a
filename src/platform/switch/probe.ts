import { isIP } from 'node:net'
import { TielineError } from '#lib/index.ts'
import type { PbxConfig, SubscriberConfig, SwitchMethods } from '#platform/words/index.ts'
import type { Hop } from '#protocol/sip/index.ts'
import type { SwitchRealm } from './realm.ts'
import type { AskedServer, SiteDns } from './site-dns.ts'

/** Servers of one name that are asked. */
const MOST_PROBED = 8

export type ProbeResult = SwitchMethods['channel.probe']['result']

/** Asks the site's DNS for its PBX, and its PBX for a sign of life, from inside the subscriber's namespace. */
export async function probeSite(site: SwitchRealm, subscriber: SubscriberConfig, timeoutMs: number): Promise<ProbeResult> {
  const { pbx } = subscriber.site
  // A PBX that registers is asked for nothing: its registration is the sign of its life.
  const [dns, named] = await Promise.all([
    probeDns(site.siteDns, timeoutMs / 2),
    pbx?.host === undefined ? { dns: null, pbx: null } : probeNamed(site, { ...pbx, host: pbx.host }, timeoutMs),
  ])
  // What its servers say of themselves counts until one of them is asked for the PBX.
  return { dns: dns?.ok === false ? dns : (named.dns ?? dns), pbx: named.pbx }
}

/** The agent's program asks all of them, so that a dead one is a fault though another answers. */
async function probeDns(dns: SiteDns, timeoutMs: number): Promise<ProbeResult['dns']> {
  const asked = await dns.askEach(timeoutMs)
  if (asked.length === 0) return null
  const ok = asked.every(({ state }) => state === 'answers')
  return { ok, text: asked.map(({ server, state }) => `The DNS server ${server} ${ASKED[state]}.`).join(' ') }
}

const ASKED: Readonly<Record<AskedServer['state'], string>> = {
  answers: 'answers',
  refuses: 'refuses to tell: check that it serves the search domain, and the tunnel’s address',
  silent: 'does not answer; check that it is up, and answers the tunnel’s address',
}

async function probeNamed(site: SwitchRealm, pbx: PbxConfig & { host: string }, timeoutMs: number): Promise<ProbeResult> {
  const { host } = pbx
  const wanted = { name: host, port: pbx.port, transport: pbx.transport }
  const named = isIP(host) === 0 ? { name: host } : {}
  try {
    const servers = await site.names.servers(wanted, { from: site.addresses, patienceMs: timeoutMs / 2 })
    const said = servers
      .map(({ address, port, transport }) => `${hostOf(address)}:${port} by ${transport.toUpperCase()}`)
      .join(', ')
    const dns = 'name' in named ? { ok: true, text: `The site's DNS says ${said} for ${host}.` } : null
    const probed = await Promise.all(
      servers.slice(0, MOST_PROBED).map((server) => probePbx(site, { ...server, ...named }, timeoutMs)),
    )
    return { dns, pbx: { ok: probed.some(({ ok }) => ok), text: probed.map(({ text }) => text).join(' ') } }
  } catch (error) {
    if (!(error instanceof TielineError)) throw error
    const text = `The site's DNS did not tell the address of ${host} (${String(error.details.why)}); check that it answers the tunnel's address.`
    return { dns: { ok: false, text }, pbx: null }
  }
}

/** An address as it stands before a port (RFC 3261 §25.1, IPv6reference). */
function hostOf(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/** SIP OPTIONS (RFC 3261 §11): any answer at all proves the road there and back. */
async function probePbx(site: SwitchRealm, at: Hop, timeoutMs: number): Promise<{ ok: boolean; text: string }> {
  const where = `${hostOf(at.address)}:${at.port}`
  try {
    const answer = await site.agent.request({
      method: 'OPTIONS',
      uri: `sip:${where}${at.transport === 'udp' ? '' : `;transport=${at.transport}`}`,
      to: at,
      from: `<sip:tieline@${hostOf(site.localFor(at.address).address)}>`,
      toHeader: `<sip:${where}>`,
      timeoutMs,
    })
    return { ok: true, text: `The PBX at ${where} answered OPTIONS with ${answer.status}.` }
  } catch {
    const trouble = site.trouble(at)
    if (trouble)
      return { ok: false, text: `The PBX at ${where} cannot be spoken with by ${at.transport.toUpperCase()}: ${trouble}.` }
    return {
      ok: false,
      text: `The PBX at ${where} did not answer OPTIONS within ${timeoutMs} ms; check that it is up and knows the way back.`,
    }
  }
}
