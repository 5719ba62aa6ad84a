export { encodeHep, type HepPacket } from './hep.ts'
