import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog, TurnedClock } from '#lib/index.ts'
import { FRAME, writeFrame } from '#protocol/stream/index.ts'
import { AudioDoor } from './audio-door.ts'

async function door(t: { after(run: () => void): void }) {
  const directory = mkdtempSync(join(tmpdir(), 'tl-door-'))
  const clock = new TurnedClock()
  let uid = 1001
  const opened = new AudioDoor({ clock, log: silentLog, peerUid: () => uid })
  const path = join(directory, 'agents', 'audio-0.sock')
  await opened.listen(path)
  t.after(() => {
    opened.close()
    rmSync(directory, { recursive: true })
  })
  const connect = (as: number, bytes?: Buffer) =>
    new Promise<net.Socket>((resolve) => {
      uid = as
      const socket = net.connect(path)
      socket.on('error', () => {})
      if (bytes) socket.write(bytes)
      socket.once('connect', () => resolve(socket))
    })
  const closed = (socket: net.Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()).resume())
  return { clock, door: opened, connect, closed }
}

const hello = (token: string) => writeFrame(FRAME.hello, Buffer.from(token))

test('a token holds for five seconds, and no longer', async (t) => {
  const { clock, door: opened, connect, closed } = await door(t)
  const ticket = opened.ticket(1001)
  clock.turn(5001)
  assert.equal(await ticket.come, null)
  await closed(await connect(1001, hello(ticket.token)))
})

test('a token that was withdrawn opens nothing', async (t) => {
  const { door: opened, connect, closed } = await door(t)
  const ticket = opened.ticket(1001)
  ticket.withdraw()
  assert.equal(await ticket.come, null)
  await closed(await connect(1001, hello(ticket.token)))
})

test('who says nothing is cut off, and eight of an account at a time are enough, without harm to another', async (t) => {
  const { clock, door: opened, connect, closed } = await door(t)
  const silent: net.Socket[] = []
  for (let i = 0; i < 8; i++) silent.push(await connect(1001))
  await closed(await connect(1001))
  const ticket = opened.ticket(1002)
  const other = await connect(1002, hello(ticket.token))
  const come = await ticket.come
  assert.ok(come)
  const ends = silent.map(closed)
  clock.turn(2001)
  await Promise.all(ends)
  assert.equal(come.socket.destroyed, false)
  other.destroy()
})

test('frames that come right behind the token are not lost', async (t) => {
  const { door: opened, connect } = await door(t)
  const ticket = opened.ticket(1001)
  await connect(1001, Buffer.concat([hello(ticket.token), writeFrame(FRAME.clear), writeFrame(FRAME.close)]))
  const come = await ticket.come
  const types: number[] = []
  come!.read(
    (type) => types.push(type),
    () => {},
  )
  while (types.length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(types, [FRAME.clear, FRAME.close])
})
