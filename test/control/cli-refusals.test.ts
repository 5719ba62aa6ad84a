import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Bench, type InstalledBody, startBench } from './bench.ts'
import { run as inside, type Outcome, start, tieline as started } from './tieline.ts'

const CLI = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url))
const INSTALL = ['--site-network', '192.168.1.0/24', '--pbx', '192.168.1.10', '--default-route', 'pbx:100']

let bench: Bench

before(async () => {
  bench = await startBench()
})
after(() => bench?.[Symbol.asyncDispose]())
beforeEach(() => {
  bench.fakes.agents.length = 0
})

const tieline = (...args: string[]) => started(bench, ...args)

/** One sentence for a person, and no story of ours. */
function assertTold({ code, err }: Outcome, expected: number, sentence: RegExp): void {
  assert.match(err, sentence)
  assert.doesNotMatch(err, /\n\s+at |Error:/)
  assert.match(err, /^tieline: /)
  assert.equal(code, expected, err)
}

describe('tieline, where something is wrong', () => {
  it('names every mistake in the configuration file, without a stack', async () => {
    const wrong = join(bench.state, 'wrong.yaml')
    writeFileSync(wrong, 'sip: { prot: 5060 }\nlog: { level: loud }\n')
    const told = await tieline('up', '--config', wrong)
    assertTold(
      told,
      1,
      /sip\.prot: no such key; known are address, port, tls\n {2}log\.level: expected debug, info, warn or error/,
    )
    assertTold(await tieline('up', '--config', '/nowhere.yaml'), 1, /\/nowhere\.yaml cannot be read: ENOENT/)
  })

  it('says which file is not there', async () => {
    const trunk = ['trunk', 'add', 'x', '--gateway', '203.0.113.10']
    assertTold(await tieline(...trunk, '--user', 'u', '--password-file', '/nowhere'), 1, /\/nowhere: There is no such file/)
    assertTold(await tieline(...trunk, '--tls-ca', '/nowhere'), 1, /\/nowhere: There is no such file/)
    assertTold(await tieline('agent', 'deploy', 'acme', '/nowhere'), 2, /There is no \/nowhere/)
    mkdirSync(join(bench.state, 'empty'))
    assertTold(await tieline('agent', 'deploy', 'acme', join(bench.state, 'empty')), 1, /package\.json cannot be read/)
  })

  it('makes no subscriber whose secrets it could not write, and leaves an old file as it was', async () => {
    const nowhere = join(bench.state, 'nowhere', 'acme.conf')
    assertTold(await tieline('subscriber', 'install', 'lost', ...INSTALL, '--out', nowhere), 1, /There is no such file/)
    const listed = JSON.parse((await tieline('subscriber', 'list', '--json')).out) as unknown[]
    assert.deepEqual(listed, [])
    const file = join(bench.state, 'old.conf')
    writeFileSync(file, 'old', { mode: 0o644 })
    const refused = ['subscriber', 'install', 'Lost!', ...INSTALL]
    assert.equal((await tieline(...refused, '--out', file)).code, 1)
    assert.equal(readFileSync(file, 'utf8'), 'old')
    assert.equal((await tieline(...refused, '--out', join(bench.state, 'new.conf'))).code, 1)
    assert.equal(existsSync(join(bench.state, 'new.conf')), false)
    const made = await tieline('subscriber', 'install', 'acme', ...INSTALL, '--out', file, '--json')
    assert.equal(readFileSync(file, 'utf8'), (JSON.parse(made.out) as InstalledBody).siteFile)
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  it('finds a wrong number out before anything is done', async () => {
    assertTold(await tieline('subscriber', 'install', 'late', ...INSTALL, '--wait', 'long'), 2, /--wait is a whole number/)
    assertTold(await tieline('subscriber', 'install', 'late', ...INSTALL, '--cpu', 'much'), 2, /A share is a number/)
    assertTold(await tieline('subscriber', 'show', 'late'), 1, /no such subscriber/)
    assertTold(await tieline('call', 'park', 'call_x', '701', '--timeout', 'long'), 2, /--timeout is a whole number/)
    assertTold(await tieline('call', 'make', 'acme', '--from', 'x', '--to', 'agent'), 2, /A target is pbx:101/)
    assertTold(await tieline('subscriber', 'install', 'late', ...INSTALL, '--plan', 'goldn'), 1, /no such plan/)
    assertTold(await tieline('subscriber', 'plan', 'acme', 'goldn'), 1, /no such plan/)
    assertTold(await tieline('telephone', 'tls', 'acme', 'maybe'), 1, /telephoneTls must be allowed or required/)
  })

  it('says why what it waited for has not come', async () => {
    assertTold(await tieline('agent', 'restart', 'acme'), 1, /No agent is deployed/)
    const directory = join(bench.state, 'agent')
    mkdirSync(directory)
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(directory, 'index.js'), 'export default {}\n')
    const { id } = JSON.parse((await tieline('subscriber', 'show', 'acme', '--json')).out)
    const failed = {
      subscriber: id,
      state: 'backing-off',
      reason: 'it could not be loaded',
      version: null,
      pid: null,
      restarts: 1,
    }
    bench.fakes.agents.push(failed as never)
    const told = await tieline('agent', 'deploy', 'acme', directory, '--wait', '1')
    assertTold(
      told,
      1,
      /Waited 1 s for the agent to be ready: it is backing-off, it could not be loaded\. See: tieline agent logs/,
    )
  })

  it('waits for a platform that is not there yet, where it is told to', async () => {
    const nowhere = ['--url', 'http://127.0.0.1:1', '--key', 'tl_op_somekey']
    const begun = performance.now()
    assertTold(
      await tieline('status', '--wait', '1', ...nowhere),
      1,
      /Waited 1 s for the platform to be ready: .* does not answer/,
    )
    assert.ok(performance.now() - begun > 1000)
    assert.equal((await tieline('status', '--wait', '5')).code, 0)
  })

  it('shows of one subscriber what that may take, and not what the node has', async () => {
    assert.equal((await tieline('subscriber', 'allocate', 'acme', 'trunk.in=1:5')).code, 0)
    const node = (await tieline('resource', 'list')).out
    const own = (await tieline('resource', 'list', '--subscriber', 'acme')).out
    assert.match(node, /^trunk\.in +2 +- +10$/m)
    assert.doesNotMatch(own, /^trunk\.in .* 10$/m)
  })

  it('is quiet when its reader goes away', async () => {
    const shell = `"${process.execPath}" "${CLI}" event list --help | true; echo "\${PIPESTATUS[0]}"`
    for (let i = 0; i < 3; i++) {
      const { out, err } = await start(bench, 'bash', ['-c', shell])
      assert.deepEqual([out, err], ['0\n', ''])
      await delay(1)
    }
  })

  it('tells its version, and each option once', async () => {
    assert.match((await tieline('--version')).out, /^tieline \d+\.\d+\.\d+\n$/)
    const { out } = await tieline('subscriber', 'list', '--help')
    assert.equal(out.match(/--json/g)?.length, 1)
    assertTold(await tieline('nonsense'), 2, /unknown command/)
  })

  it('says with --json why something cannot be as a problem, and nothing else', async () => {
    const problem = async (outcome: Promise<Outcome>, expected: number) => {
      const { code, out, err } = await outcome
      assert.deepEqual({ code, out }, { code: expected, out: '' }, err)
      return JSON.parse(err) as { type: string; status?: number; detail: string; details?: object }
    }
    const taken = await problem(tieline('subscriber', 'show', 'nobody', '--json'), 1)
    assert.deepEqual([taken.type, taken.status], ['urn:tieline:problem:not-found', 404])
    assert.ok(taken.details)
    for (const args of [
      ['--json', 'subscriber', 'lst'],
      ['subscriber', 'install', 'x', '--json'],
      ['--json', 'call'],
      ['trunk', 'set', 'x', '--max-out', 'many', '--json'],
    ]) {
      const wrong = await problem(inside(bench, ...args), 2)
      assert.equal(wrong.type, 'urn:tieline:problem:invalid-command-line', args.join(' '))
      assert.doesNotMatch(wrong.detail, /^error|\n|^$/)
    }
    const nobody = ['--url', 'http://127.0.0.1:1', '--key', 'tl_op_somekey']
    assert.equal(
      (await problem(inside(bench, 'subscriber', 'list', '--json', ...nobody), 1)).type,
      'urn:tieline:problem:unreachable',
    )
    assert.match((await problem(inside(bench, 'plan', 'add', '/nowhere.yaml', '--json'), 2)).detail, /nowhere\.yaml/)
  })
})
