// The Debian packages that Tieline needs, by what it is about to do. Each says why, so that a person who has to do
// without one knows what is lost.

/** `program` is the program or the library by which it is known to be there. */
/** @typedef {{ name: string, program: string, why: string }} DebianPackage */

/** @type {DebianPackage[]} */
const run = [
  { name: 'iproute2', program: 'ip', why: 'network namespaces and routes' },
  { name: 'nftables', program: 'nft', why: 'the guard inside each namespace' },
  { name: 'wireguard-tools', program: 'wg', why: 'the tunnels to the sites' },
  { name: 'wireguard-go', program: 'wireguard-go', why: 'WireGuard where the kernel has none' },
  { name: 'bubblewrap', program: 'bwrap', why: "the agents' sandbox" },
  { name: 'util-linux', program: 'setpriv', why: 'dropping privileges' },
  { name: 'iputils-ping', program: 'ping', why: 'the channel check' },
  { name: 'espeak-ng', program: 'espeak-ng', why: 'speech that is always there' },
  { name: 'pocketsphinx', program: 'pocketsphinx_continuous', why: 'speech that is understood: its library' },
  {
    name: 'pocketsphinx-en-us',
    program: '../share/pocketsphinx/model/en-us/cmudict-en-us.dict',
    why: 'and its model of English',
  },
  { name: 'libopus0', program: 'libopus.so.0', why: 'the Opus codec' },
]

/** @type {DebianPackage[]} */
const demo = [
  ...run,
  { name: 'tcpdump', program: 'tcpdump', why: 'the proof of isolation' },
  { name: 'procps', program: 'sysctl', why: 'routing in the offices of the demonstration' },
  { name: 'sip-tester', program: 'sipp', why: 'SIPp, a foreign carrier' },
  { name: 'baresip-core', program: 'baresip', why: 'baresip, a foreign telephone' },
]

/** @type {DebianPackage[]} */
const test = [
  ...demo,
  { name: 'kamailio', program: 'kamailio', why: 'a foreign proxy' },
  { name: 'tshark', program: 'tshark', why: 'a foreign decoder of what we send' },
  { name: 'sipvicious', program: 'svwar', why: 'a foreign attacker' },
  { name: 'sngrep', program: 'sngrep', why: 'a foreign reader of what we tell Homer' },
  { name: 'libfaketime', program: 'faketime/libfaketimeMT.so.1', why: 'a wall clock that steps' },
  { name: 'socat', program: 'socat', why: 'the TLS that SIPp has not' },
  { name: 'sox', program: 'sox', why: 'a foreign ear' },
  { name: 'lame', program: 'lame', why: 'a foreign writer of MP3' },
  { name: 'opus-tools', program: 'opusenc', why: 'a foreign writer of Ogg Opus' },
  { name: 'libosip2-15', program: 'libosipparser2.so.15', why: 'a foreign reader of SIP: oSIP' },
  { name: 'libsofia-sip-ua0', program: 'libsofia-sip-ua.so.0', why: 'a foreign reader of SIP: Sofia-SIP' },
  { name: 'libbellesip1', program: 'libbellesip.so.1', why: 'a foreign reader of SIP: belle-sip' },
  { name: 'linphone-cli', program: 'linphonec', why: 'Linphone, a foreign telephone' },
  { name: 'twinkle-console', program: 'twinkle-console', why: 'Twinkle, a foreign telephone with reliable ringing' },
  { name: 'libspandsp2', program: 'libspandsp.so.2', why: 'a foreign G.722' },
]

/** @type {DebianPackage[]} */
const bench = [...test, { name: 'rtpengine-daemon', program: 'rtpengine', why: 'a foreign relay, measured beside ours' }]

/** What each command needs. `check` needs nothing of the system. */
export const packagesFor = { check: [], start: run, demo, test, bench, all: bench }
