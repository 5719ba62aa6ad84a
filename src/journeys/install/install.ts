import { newId, TielineError } from '#lib/index.ts'
import {
  issueCertificate,
  issueSiteTls,
  type NewSubscriber,
  newApiKey,
  newPassword,
  type SubscriberRecord,
  sealSiteTls,
} from '#platform/subscriber/index.ts'
import { newKeyPair, newPresharedKey, toSiteFile } from '#protocol/wireguard/index.ts'
import { checkPlan, type InstallDeps, publishChange, SETTLE_MS } from './deps.ts'
import { endsOf } from './ends.ts'
import { allocationsOf, checkOrder, codecsOf, completeDns, type InstallOrder } from './order.ts'
import { completePbx } from './pbx.ts'

/** A subscriber that is there, with its secrets: this is the only time that they are told. */
export interface Installed {
  subscriber: SubscriberRecord
  /** For the site's `wg-quick`. */
  siteFile: string
  apiKey: string
  telephones: { name: string; password: string }[]
}

/**
 * Brings a subscriber into being: everything in one transaction, published, and proven by the node. What cannot be proven
 * is undone. Rejects with `invalid-argument`, `name-taken`, `number-taken`, `capacity-exceeded`, `node-full`,
 * `install-failed`, `database-away`, `link-lost`.
 */
export async function install(deps: InstallDeps, order: InstallOrder): Promise<Installed> {
  checkOrder(order, deps.sealer)
  if (order.plan !== undefined) await checkPlan(deps, order.plan)
  const { subscriber, secrets } = await prepare(deps, order)
  const record = await deps.store.insert(subscriber)
  deps.log.info({ subscriber: record.id }, 'a subscriber is being installed')
  try {
    await deps.publisher.publish({ subscribers: [record.id], tariffs: true })
    await proven(deps, record)
    await deps.store.setState(record.id, 'active')
  } catch (error) {
    await undo(deps, record)
    throw error
  }
  deps.log.info({ subscriber: record.id, slot: record.slot }, 'a subscriber is installed')
  const { privateKey, presharedKey, apiKey } = secrets
  return {
    subscriber: { ...record, state: 'active' },
    siteFile: siteFileOf(deps, record, { privateKey, presharedKey, lan: order.site.lan ?? 'route' }),
    apiKey,
    telephones: subscriber.telephones,
  }
}

/** The file for the site's gateway; `privateKey` is null where only the site knows it. */
export function siteFileOf(
  { config }: Pick<InstallDeps, 'config'>,
  { name, channel }: SubscriberRecord,
  secret: { privateKey: string | null; presharedKey: string; lan: 'route' | 'masquerade' },
): string {
  return toSiteFile({
    title: `Tieline: the private channel of ${name}`,
    privateKey: secret.privateKey,
    address: channel.peerAddress,
    ...(channel.ipv6 ? { ipv6: { address: channel.ipv6.peerAddress, platform: channel.ipv6.address } } : {}),
    mtu: channel.mtu,
    platform: {
      publicKey: channel.publicKey,
      presharedKey: secret.presharedKey,
      endpoint: { host: config.channel.endpoint, port: channel.listenPort },
      address: channel.address,
    },
    keepaliveSeconds: channel.keepaliveSeconds,
    lan: secret.lan,
  })
}

/** Everything that can be made without the database, so that its transaction is short. */
async function prepare(deps: InstallDeps, order: InstallOrder) {
  const { sealer, clock, config } = deps
  const id = newId('sub', clock.wall())
  const authority = await deps.store.authority()
  const issued = await issueCertificate(
    clock,
    { certificate: authority.certificate, key: sealer.openText(authority.key) },
    { agentOf: id },
  )
  const ours = newKeyPair()
  const site = order.site.publicKey === undefined ? newKeyPair() : { privateKey: null, publicKey: order.site.publicKey }
  const presharedKey = newPresharedKey()
  const apiKey = newApiKey('subscriber')
  const memoryMebibytes = order.agent?.memoryMebibytes ?? 256
  const { emergencyCallerId, srtp, telephoneTls, telephoneDigest, networks, dns } = order.site
  const ends = endsOf(config.channel, networks)
  const addresses = [ends.address, ...(ends.ipv6 ? [ends.ipv6.address] : [])]
  const siteTls = sealSiteTls(sealer, await issueSiteTls(clock, { name: order.name, addresses }))
  const subscriber: NewSubscriber = {
    id,
    name: order.name,
    state: 'installing',
    timeZone: order.timeZone ?? 'UTC',
    plan: order.plan ?? null,
    numbers: order.numbers,
    allocations: allocationsOf(order, memoryMebibytes),
    channel: {
      ...ends,
      privateKey: sealer.seal(ours.privateKey),
      publicKey: ours.publicKey,
      peerPublicKey: site.publicKey,
      presharedKey: sealer.seal(presharedKey),
      siteHoldsKey: site.privateKey === null,
      siteNetworks: networks,
      keepaliveSeconds: 25,
      dns: completeDns(dns ?? null),
    },
    site: {
      pbx: completePbx(order.site.pbx, sealer),
      ...(emergencyCallerId ? { emergencyCallerId } : {}),
      ...(srtp ? { srtp } : {}),
      ...(telephoneDigest ? { digest: telephoneDigest } : {}),
      tls: { ca: siteTls.ca, certificate: siteTls.certificate, key: siteTls.key, telephones: telephoneTls ?? 'allowed' },
      ...codecsOf({}, order.site),
    },
    forwardOutside: order.forwardOutside ?? 'allowed',
    survival: { voice: 'move', channel: 'end', ...order.survival },
    defaultRoute: order.defaultRoute,
    agent: {
      version: null,
      decisionDeadlineMs: order.agent?.decisionDeadlineMs ?? 2000,
      memoryMebibytes,
      cpuShare: order.agent?.cpuShare ?? 0.5,
      maxProcesses: order.agent?.maxProcesses ?? 64,
      listen: order.agent?.listen ?? [],
      versionListen: [],
      certificate: issued.certificate,
      key: sealer.seal(issued.key),
    },
    agentCertificate: {
      id: newId('crt', clock.wall()),
      serial: issued.serial,
      notBefore: issued.notBefore,
      notAfter: issued.notAfter,
    },
    apiKey: { id: newId('key', clock.wall()), hash: apiKey.hash },
    siteAuthority: { key: siteTls.caKey, certificateNotAfter: siteTls.notAfter },
    telephones: (order.telephones ?? []).map((name) => ({ name, password: newPassword() })),
  }
  return { subscriber, secrets: { privateKey: site.privateKey, presharedKey, apiKey: apiKey.key } }
}

async function proven({ host }: InstallDeps, { id }: SubscriberRecord): Promise<void> {
  const { ok, reason } = await host.settle(id, SETTLE_MS)
  if (ok) return
  throw new TielineError(
    `The node could not set the subscriber up, and nothing of it is left: ${reason}`,
    { code: 'install-failed', fault: 'system', retry: true, http: 502 },
    { reason },
  )
}

/** Takes everything back. What cannot be taken back now is when the platform starts again. */
async function undo(deps: InstallDeps, { id }: SubscriberRecord): Promise<void> {
  try {
    await deps.store.setState(id, 'removing')
    await publishChange(deps, { subscribers: [id] })
    await deps.host.settle(id, SETTLE_MS).catch(() => {})
    await deps.store.delete(id)
  } catch (error) {
    deps.log.error({ subscriber: id, err: error }, 'a failed installation is not yet undone')
  }
}
