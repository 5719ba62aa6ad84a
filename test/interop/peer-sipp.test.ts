import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../peer/index.ts'
import { FarEnd } from '../peer/sip/far-end.ts'

/** SIPp in a directory of its own, since it writes its logs where it stands. */
function sipp(stack: AsyncDisposableStack, args: string[]) {
  const cwd = mkdtempSync(join(tmpdir(), 'tl-sipp-'))
  const child = spawn('sipp', [...args, '-nostdin', '-i', '127.0.0.1'], { cwd, stdio: 'ignore' })
  const exited = once(child, 'exit')
  stack.defer(async () => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await exited
    rmSync(cwd, { recursive: true, force: true })
  })
  return { exited }
}

test('SIPp as the caller: its calls are answered and ended as it expects', async () => {
  await using stack = new AsyncDisposableStack()
  const pbx = await FarEnd.open({ address: '127.0.0.1', port: 0, name: 'pbx', watched: [] })
  stack.defer(() => pbx.close())
  pbx.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const { exited } = sipp(stack, [
    '-sn',
    'uac',
    `127.0.0.1:${pbx.socket.port}`,
    '-p',
    '15064',
    '-m',
    '10',
    '-r',
    '50',
    '-d',
    '50',
  ])
  const [code] = await exited
  assert.equal(code, 0, 'SIPp saw every call succeed')
  assert.equal(pbx.calls.length, 10)
  assert.ok(pbx.calls.every((call) => call.phase === 'ended' && call.report().ending?.by === 'remote'))
})

test('SIPp as the callee: our calls are answered, and our BYE is understood', async () => {
  await using stack = new AsyncDisposableStack()
  const carrier = await FarEnd.open({ address: '127.0.0.1', port: 0, name: 'carrier', watched: [] })
  stack.defer(() => carrier.close())
  sipp(stack, ['-sn', 'uas', '-p', '15066', '-m', '3'])
  const to = { address: '127.0.0.1', port: 15066 }
  const calls = await Promise.all(['1', '2', '3'].map((number) => carrier.place({ to, from: 'a', number, hangUpAfterMs: 100 })))
  await until('three ends', () => calls.every((call) => call.report().timeline.at(-1)?.what === '< 200 (BYE)'), 10_000)
  assert.deepEqual(
    calls.map((call) => call.report().final?.status),
    [200, 200, 200],
  )
})
