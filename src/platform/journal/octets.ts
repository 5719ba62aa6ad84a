const ZERO = 0x30
const MILLION = 1_000_000

/** Octets that grow at their end, in one buffer that is used again and again. */
export class Octets {
  bytes = Buffer.allocUnsafe(64 * 1024)
  length = 0

  /** At most 127. */
  byte(octet: number): void {
    this.#room(1)
    this.bytes[this.length++] = octet
  }

  /** A text of ours, all ASCII and in one piece: nothing is put together only to be taken apart again. */
  word(text: string): void {
    this.#room(text.length)
    this.length += this.bytes.write(text, this.length, 'latin1')
  }

  text(text: string): void {
    this.#room(text.length * 3)
    this.length += this.bytes.write(text, this.length, 'utf8')
  }

  number(n: number): void {
    if (!Number.isSafeInteger(n) || n < 0) {
      this.word(`${n}`)
      return
    }
    this.#room(20)
    // By parts of few bits, since V8 takes much longer for one of more than 31.
    const millions = Math.floor(n / MILLION)
    if (millions === 0) this.#digits(n, 1)
    else if (millions < MILLION * 1000) {
      this.#digits(millions, 1)
      this.#digits(n - millions * MILLION, 6)
    } else this.word(`${n}`)
  }

  #digits(n: number, least: number): void {
    let left = n | 0
    let count = 1
    for (let power = 10; power <= left; power *= 10) count++
    if (count < least) count = least
    this.length += count
    for (let at = this.length - 1; count > 0; count--, at--) {
      const tenth = (left / 10) | 0
      this.bytes[at] = ZERO + left - tenth * 10
      left = tenth
    }
  }

  #room(more: number): void {
    const needed = this.length + more
    if (needed <= this.bytes.length) return
    const bytes = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(bytes, 0, 0, this.length)
    this.bytes = bytes
  }
}
