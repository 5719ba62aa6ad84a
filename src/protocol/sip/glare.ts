/**
 * RFC 3261 §14.1: how long to wait, in ms, before a re-INVITE that met another is sent again: 2.1 to 4 s for the owner of
 * the Call-ID, up to 2 s for the other side, in steps of 10 ms (PITFALLS S01).
 */
export function glareDelayMs(ownsCallId: boolean, random: () => number = Math.random): number {
  const [least, most] = ownsCallId ? [2100, 4000] : [0, 2000]
  return least + 10 * Math.floor((random() * (most - least + 10)) / 10)
}
