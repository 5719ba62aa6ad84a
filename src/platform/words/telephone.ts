/** Where a telephone of a site has said that it is (RFC 3261 §10.3). Plain JSON. */
export interface Binding {
  /** The address of its Contact. */
  uri: string
  /** Where its REGISTER came from. `bound`: by a connection, which is the only way to it. */
  hop: { transport: 'udp' | 'tcp' | 'tls'; address: string; port: number; flow?: string; bound?: true }
  /** The parameters by which a telephone is known again behind another connection (RFC 5626 §6): `;+sip.instance="…";reg-id=1`. */
  instance?: string
  /** Ms since the epoch. */
  expiresAt: number
  callId: string
  sequence: number
}

/** A telephone that is registered, for people. */
export interface TelephoneState {
  name: string
  contacts: { uri: string; source: string; expiresAt: string }[]
}
