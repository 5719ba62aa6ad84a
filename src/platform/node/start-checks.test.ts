import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultConfig } from './config.ts'
import { type Machine, missingForStart, warningsForStart } from './start-checks.ts'

const passwd = ['switch', 'voice', 'control', 'db', 'tunnel'].map((name) => `tieline-${name}:x:999:999::/:/bin/false`).join('\n')

function machine(changes: Partial<Machine> & { files?: Record<string, string> } = {}): Machine {
  const files: Record<string, string> = {
    '/etc/passwd': passwd,
    '/proc/sys/net/ipv4/ip_local_port_range': '32768\t60999\n',
    ...changes.files,
  }
  return { uid: 0, read: (path) => files[path] ?? null, exists: () => true, hasProgram: () => true, ...changes }
}

test('a machine that has everything is missing nothing', () => {
  assert.deepEqual(missingForStart(defaultConfig(), machine(), false), [])
})

test('without root nothing else is asked', () => {
  assert.deepEqual(missingForStart(defaultConfig(), machine({ uid: 1000, hasProgram: () => false }), false), [
    'Tieline makes network namespaces, so `tieline up` must be run as root.',
  ])
})

test('RTP ports that the kernel gives away are refused, unless they are reserved (R06)', () => {
  const config = { ...defaultConfig(), media: { address: '192.0.2.1', ports: { first: 40000, last: 40999 } } }
  const [sentence] = missingForStart(config, machine(), true)
  assert.match(
    sentence ?? '',
    /^media\.ports \(40000-40999\) overlaps .* \(32768-60999\): .*ip_local_reserved_ports=40000-40999$/,
  )
  const reserved = machine({ files: { '/proc/sys/net/ipv4/ip_local_reserved_ports': '5060,40000-40999\n' } })
  assert.deepEqual(missingForStart(config, reserved, true), [])
  const almost = machine({ files: { '/proc/sys/net/ipv4/ip_local_reserved_ports': '40000-40998\n' } })
  assert.equal(missingForStart(config, almost, true).length, 1)
})

test('WireGuard ports that the kernel gives away are warned of', () => {
  const config = defaultConfig()
  assert.equal(warningsForStart({ ...config, sip: { address: '192.0.2.1', port: 5060 } }, machine()).length, 0)
  const channel = { ...config.channel, ports: { first: 51820, last: 51899 } }
  assert.match(warningsForStart({ ...config, channel }, machine())[0] ?? '', /channel\.ports \(51820-51899\)/)
})

test('wireguard-go and /dev/net/tun are needed only where the kernel has no WireGuard', () => {
  const bare = machine({ exists: () => false, hasProgram: (name) => name !== 'wireguard-go' })
  assert.equal(missingForStart(defaultConfig(), bare, false).length, 2)
  assert.deepEqual(missingForStart(defaultConfig(), bare, true), [])
  const config = defaultConfig()
  config.channel.implementation = 'kernel'
  assert.match(missingForStart(config, machine(), false)[0] ?? '', /^This kernel has no WireGuard/)
})

test('each missing program and account is one sentence that says what to do', () => {
  const sentences = missingForStart(
    defaultConfig(),
    machine({ hasProgram: (name) => name !== 'nft', files: { '/etc/passwd': '' } }),
    true,
  )
  assert.deepEqual(sentences, [
    "The program nft is missing: install Debian's nftables.",
    'The system accounts tieline-switch, tieline-voice, tieline-control, tieline-db, tieline-tunnel are missing: run `npm run setup`.',
  ])
})
