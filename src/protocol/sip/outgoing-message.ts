const NO_BYTES = new Uint8Array(0)

/** What names a message of ours: the method of a request or the status of a response, its Call-ID, and the tag in From. */
export interface MessageName {
  readonly is: string | number
  readonly callId: string
  readonly fromTag: string
}

/**
 * A message of ours, written once however often it leaves. It is kept as text, which costs the heap far less than octets do
 * while its transaction lingers.
 */
export class OutgoingMessage implements MessageName {
  readonly is: string | number
  readonly callId: string
  readonly fromTag: string
  /**
   * Octets of the session description that it ends with; 0 without a body. Null where it has credentials or another body, or
   * where nobody knows.
   */
  readonly description: number | null
  /** All of it, but for a body of octets. */
  readonly text: string
  readonly #octets: Uint8Array
  /** How often it has left, by whoever sends it. */
  sent = 0

  constructor(name: MessageName, text: string, description: number | null = null, octets: Uint8Array = NO_BYTES) {
    this.is = name.is
    this.callId = name.callId
    this.fromTag = name.fromTag
    this.description = description
    this.text = text
    this.#octets = octets
  }

  /** Octets on the wire. */
  get length(): number {
    return Buffer.byteLength(this.text) + this.#octets.length
  }

  isLongerThan(octets: number): boolean {
    // No character takes more than three octets for each of its code units.
    return this.text.length * 3 + this.#octets.length > octets && this.length > octets
  }

  /** The octets that leave, made anew each time. */
  get bytes(): Buffer {
    const bytes = Buffer.from(this.text)
    return this.#octets.length === 0 ? bytes : Buffer.concat([bytes, this.#octets])
  }
}
