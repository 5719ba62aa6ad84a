export { encodeHep, HEP_PROTOCOL, type HepPacket } from './hep.ts'
export { rtcpJson } from './rtcp.ts'
