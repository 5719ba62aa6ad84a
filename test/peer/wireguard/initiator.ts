import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { keyedBlake2s } from './blake2s.ts'

const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')
const SPKI = Buffer.from('302a300506032b656e032100', 'hex')
const AUTH_TAG = { authTagLength: 16 } as const

export interface InitiatorOptions {
  /** Base64, as WireGuard's tools write keys. */
  privateKey: string
  presharedKey: string
  /** The far end. */
  publicKey: string
  to: { address: string; port: number }
}

/**
 * One end of a WireGuard tunnel that does nothing but make handshakes, by a clock of its own (WireGuard paper §5.4): for sites
 * whose clock is wrong, which no other implementation lets be without setting the machine's.
 */
export class Initiator implements Disposable {
  readonly #options: InitiatorOptions
  readonly #socket: Socket
  readonly #private: KeyObject
  readonly #theirs: Buffer

  private constructor(options: InitiatorOptions, socket: Socket) {
    this.#options = options
    this.#socket = socket
    this.#private = privateKeyOf(Buffer.from(options.privateKey, 'base64'))
    this.#theirs = Buffer.from(options.publicKey, 'base64')
  }

  static async open(options: InitiatorOptions): Promise<Initiator> {
    const socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    return new Initiator(options, socket)
  }

  /** Makes a handshake that bears the time `wall`, ms since the epoch; false where the far end says nothing within `ms`. */
  async shake(wall: number, ms = 1000): Promise<boolean> {
    const ephemeral = generateKeyPairSync('x25519').privateKey
    const mine = randomBytes(4)
    const theirs = publicKeyOf(this.#theirs)
    let chain = hash(Buffer.from('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'))
    let transcript = hash(chain, Buffer.from('WireGuard v1 zx2c4 Jason@zx2c4.com'))
    transcript = hash(transcript, this.#theirs)
    const open = rawOf(ephemeral)
    chain = derive(chain, open, 1)[0]!
    transcript = hash(transcript, open)
    const sealed = (shared: Buffer, plain: Buffer) => {
      const [next, key] = derive(chain, shared, 2)
      chain = next!
      const text = seal(key!, 0, plain, transcript)
      transcript = hash(transcript, text)
      return text
    }
    const identity = sealed(diffieHellman({ privateKey: ephemeral, publicKey: theirs }), rawOf(this.#private))
    const time = sealed(diffieHellman({ privateKey: this.#private, publicKey: theirs }), tai64n(wall))
    const message = Buffer.concat([Buffer.from([1, 0, 0, 0]), mine, open, identity, time])
    const mac = keyedBlake2s(hash(Buffer.from('mac1----'), this.#theirs), message, 16)
    const answer = await this.#ask(Buffer.concat([message, mac, Buffer.alloc(16)]), mine, ms)
    if (!answer) return false
    this.#confirm(answer, ephemeral, chain, transcript)
    return true
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }

  /** The response to an initiation of ours (type 2). */
  #ask(message: Buffer, mine: Buffer, ms: number): Promise<Buffer | null> {
    const { address, port } = this.#options.to
    return new Promise((resolve) => {
      const hear = (bytes: Buffer) => {
        if (bytes.length === 92 && bytes[0] === 2 && bytes.subarray(8, 12).equals(mine)) done(bytes)
      }
      const timer = setTimeout(() => done(null), ms)
      const done = (bytes: Buffer | null) => {
        clearTimeout(timer)
        this.#socket.off('message', hear)
        resolve(bytes)
      }
      this.#socket.on('message', hear)
      this.#socket.send(message, port, address)
    })
  }

  /** Checks the response, which throws where the keys are not the same, and sends an empty packet: only then they are in use. */
  #confirm(answer: Buffer, ephemeral: KeyObject, chain: Buffer, transcript: Buffer): void {
    const open = answer.subarray(12, 44)
    const theirs = publicKeyOf(open)
    const preshared = Buffer.from(this.#options.presharedKey, 'base64')
    const shared = [
      open,
      diffieHellman({ privateKey: ephemeral, publicKey: theirs }),
      diffieHellman({ privateKey: this.#private, publicKey: theirs }),
    ]
    const mixed = shared.reduce((before, secret) => derive(before, secret, 1)[0]!, chain)
    const [last, tau, key] = derive(mixed, preshared, 3)
    unseal(key!, answer.subarray(44, 60), hash(hash(transcript, open), tau!))
    const [sending] = derive(last!, Buffer.alloc(0), 2)
    const head = Buffer.concat([Buffer.from([4, 0, 0, 0]), answer.subarray(4, 8), Buffer.alloc(8)])
    const { address, port } = this.#options.to
    this.#socket.send(Buffer.concat([head, seal(sending!, 0, Buffer.alloc(0), Buffer.alloc(0))]), port, address)
  }
}

function hash(...parts: Buffer[]): Buffer {
  return parts.reduce((digest, part) => digest.update(part), createHash('blake2s256')).digest()
}

/** HKDF by HMAC of BLAKE2s. */
function derive(key: Buffer, input: Buffer, count: number): Buffer[] {
  const hmac = (secret: Buffer, text: Buffer) => createHmac('blake2s256', secret).update(text).digest()
  const secret = hmac(key, input)
  const found: Buffer[] = []
  for (let i = 1; i <= count; i++) found.push(hmac(secret, Buffer.concat([found.at(-1) ?? Buffer.alloc(0), Buffer.from([i])])))
  return found
}

function nonce(counter: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt32LE(counter, 4)
  return bytes
}

function seal(key: Buffer, counter: number, plain: Buffer, associated: Buffer): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce(counter), AUTH_TAG)
  cipher.setAAD(associated, { plaintextLength: plain.length })
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function unseal(key: Buffer, text: Buffer, associated: Buffer): Buffer {
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce(0), AUTH_TAG)
  decipher.setAuthTag(text.subarray(-16))
  decipher.setAAD(associated, { plaintextLength: text.length - 16 })
  return Buffer.concat([decipher.update(text.subarray(0, -16)), decipher.final()])
}

/** TAI64N: seconds since 1970 above 2^62, and nanoseconds. */
function tai64n(wall: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeBigUInt64BE(2n ** 62n + 10n + BigInt(Math.floor(wall / 1000)), 0)
  bytes.writeUInt32BE(Math.floor(wall % 1000) * 1_000_000, 8)
  return bytes
}

function privateKeyOf(raw: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: 'der', type: 'pkcs8' })
}

function publicKeyOf(raw: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' })
}

/** The public half of a private key, 32 bytes. */
function rawOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32)
}
