import type { AgentVersionRecord, SubscriberRecord } from '#platform/subscriber/index.ts'
import type { PbxConfig } from '#platform/words/index.ts'

/** A subscriber as the API tells of it: every field named here, so that no secret can slip through. */
export function subscriberView(record: SubscriberRecord) {
  const { channel, site, agent } = record
  return {
    id: record.id,
    name: record.name,
    state: record.state,
    timeZone: record.timeZone,
    plan: record.plan,
    numbers: record.numbers,
    allocations: record.allocations,
    defaultRoute: record.defaultRoute,
    site: {
      networks: channel.siteNetworks,
      dns: channel.dns,
      pbx: site.pbx && pbxView(site.pbx),
      emergencyCallerId: site.emergencyCallerId ?? null,
      srtp: site.srtp ?? 'off',
      telephoneDigest: site.digest ?? 'MD5',
      telephoneTls: site.tls?.telephones ?? 'allowed',
      codecs: site.codecs ?? null,
      telephoneCodecs: site.telephoneCodecs ?? null,
      transcode: site.transcode ?? true,
      renegotiate: site.renegotiate ?? true,
      digits: site.digits ?? 'tones',
      tones: site.tones ?? 'keys',
    },
    survival: record.survival,
    forwardOutside: record.forwardOutside,
    toll: record.toll,
    lowBalance: record.lowBalance,
    channel: {
      address: channel.address,
      peerAddress: channel.peerAddress,
      ipv6: channel.ipv6 ?? null,
      listenPort: channel.listenPort,
      publicKey: channel.publicKey,
      peerPublicKey: channel.peerPublicKey,
      siteHoldsKey: channel.siteHoldsKey,
      mtu: channel.mtu,
      keepaliveSeconds: channel.keepaliveSeconds,
    },
    agent: {
      version: agent.version?.id ?? null,
      decisionDeadlineMs: agent.decisionDeadlineMs,
      memoryMebibytes: agent.memoryMebibytes,
      cpuShare: agent.cpuShare,
      maxProcesses: agent.maxProcesses,
      listen: agent.listen,
    },
    telephones: record.telephones.map(({ name }) => name),
    createdAt: record.createdAt,
  }
}

/** A PBX without the key of the certificate that it is shown. */
function pbxView({ tls, ...pbx }: PbxConfig) {
  const { key: _key, ...told } = tls ?? {}
  return { ...pbx, ...(tls ? { tls: told } : {}) }
}

/** A version without its place on the node's disk. */
export function versionView({ id, digest, entry, bytes, createdAt, active, candidate, failure }: AgentVersionRecord) {
  const state = active ? 'active' : failure ? 'failed' : candidate ? 'tried' : 'former'
  return { id, digest, entry, bytes, createdAt, active, state, failure }
}
