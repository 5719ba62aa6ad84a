/** Zero crossings of the filter on each side, and steps of its table between two of them. */
const CROSSINGS = 16
const STEPS = 256

/** Part of the narrower band that passes: leaves room for the filter's slope below the edge. */
const PASS = 0.92

/** A sinc under a Kaiser window (beta 8), from its middle outwards. */
function kernel(): Float64Array {
  const table = new Float64Array(CROSSINGS * STEPS + 2)
  const beta = 8
  const norm = bessel(beta)
  for (let i = 0; i < CROSSINGS * STEPS; i++) {
    const x = i / STEPS
    const sinc = i === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
    table[i] = (sinc * bessel(beta * Math.sqrt(1 - (x / CROSSINGS) ** 2))) / norm
  }
  return table
}

/** The modified Bessel function of the first kind, order 0. */
function bessel(x: number): number {
  let sum = 1
  let term = 1
  for (let k = 1; k < 40; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

/**
 * Converts samples (−1…1 or any scale) from one rate in Hz to another through a windowed sinc: what lies above half of the
 * lower rate is taken out, not folded back.
 */
export function resample(input: Float32Array, fromHz: number, toHz: number): Float32Array {
  if (fromHz === toHz) return input
  const table = kernel()
  const ratio = fromHz / toHz
  const cutoff = Math.min(1, toHz / fromHz) * PASS
  const half = CROSSINGS / cutoff
  const output = new Float32Array(Math.floor(input.length / ratio))
  for (let n = 0; n < output.length; n++) {
    const middle = n * ratio
    const from = Math.max(0, Math.ceil(middle - half))
    const to = Math.min(input.length - 1, Math.floor(middle + half))
    let sum = 0
    for (let i = from; i <= to; i++) {
      const x = Math.abs(i - middle) * cutoff * STEPS
      const step = x | 0
      const part = x - step
      sum += input[i]! * (table[step]! * (1 - part) + table[step + 1]! * part)
    }
    output[n] = sum * cutoff
  }
  return output
}
