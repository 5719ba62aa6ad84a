export { encodeHep, HEP_PROTOCOL, type HepPacket } from './hep.ts'
