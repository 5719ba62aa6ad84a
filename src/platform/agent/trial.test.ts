import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, TurnedClock } from '#lib/index.ts'
import { Trial } from './trial.ts'

async function begin(starts: (hear: (lines: string[]) => void) => void = () => {}) {
  const clock = new TurnedClock()
  const runs: { killed: boolean }[] = []
  const verdicts: string[] = []
  const version = { id: newId('agt'), digest: '', path: '', entry: 'index.js' }
  const trial: Trial<{ process: { kill(): void; printed: Promise<void> } }> = new Trial({
    ...{ version, clock, withinMs: 20_000 },
    async start(hear) {
      starts(hear)
      const run = { killed: false }
      runs.push(run)
      const kill = () => {
        run.killed = true
      }
      return { process: { kill, printed: Promise.resolve() } }
    },
    onChange: () => verdicts.push(trial.status.verdict),
  })
  // Its run is there a moment later.
  await null
  return { clock, trial, runs, verdicts }
}

test('a version that is ready has proven itself, and its run goes on', async () => {
  const { clock, trial, runs, verdicts } = await begin()
  assert.ok(trial.run)
  trial.prove()
  trial.close()
  assert.deepEqual([trial.proven, trial.run, runs, verdicts, clock.pending], [true, null, [{ killed: false }], ['proven'], 0])
})

test('one that is not ready in time has failed and is ended; what it prints afterwards is not kept', async () => {
  let say: (lines: string[]) => void = () => {}
  const { clock, trial, runs, verdicts } = await begin((hear) => {
    say = hear
  })
  say(['', 'x'.repeat(600), 'I wait'])
  clock.turn(19_999)
  assert.equal(trial.status.verdict, 'trying')
  clock.turn(1)
  say(['too late'])
  assert.deepEqual(trial.status, {
    version: trial.version.id,
    verdict: 'failed',
    reason: 'its link to the switch was not ready within 20 s',
    log: ['x'.repeat(500), 'I wait'],
  })
  assert.deepEqual([runs, verdicts, clock.pending], [[{ killed: true }], ['failed'], 0])
})

test('one that ends is started once more; when it ends again it has failed, with its last ten lines', async () => {
  const { clock, trial, runs, verdicts } = await begin((hear) => hear(['a', 'b', 'c', 'd', 'e', 'f']))
  await trial.exited('exit code 1')
  assert.deepEqual([runs.length, trial.status.verdict, trial.status.reason], [2, 'trying', 'exit code 1'])
  await trial.exited('exit code 2')
  const { verdict, reason, log } = trial.status
  assert.deepEqual([verdict, reason, log.join('')], ['failed', 'it ended twice: exit code 2', 'cdefabcdef'])
  assert.deepEqual([runs.length, verdicts, clock.pending], [2, ['failed'], 0])
})

test('one that nobody wants to know of any more is ended and tells nothing', async () => {
  const { clock, trial, runs, verdicts } = await begin()
  trial.close()
  assert.deepEqual([runs, verdicts, clock.pending, trial.run], [[{ killed: true }], [], 0, null])
})

test('one that there is no memory for has failed, and says why', async () => {
  const { clock, trial, runs, verdicts } = await begin(() => {
    throw new Error('no agent.memory left')
  })
  assert.equal(trial.status.reason, 'it could not be started: no agent.memory left')
  assert.deepEqual([runs, verdicts, clock.pending], [[], ['failed'], 0])
})
