/** `npm run demo`: makes a world, shows what the platform does in it, proves it, and takes it all away. */
import type { World } from '../test/world/index.ts'
import { figures } from './figures.ts'
import { SCENES } from './scenes/index.ts'
import { Stage } from './stage.ts'
import { Story } from './story.ts'

const story = new Story((line) => console.log(line), process.stdout.isTTY === true && !process.env.NO_COLOR)
const keep = process.argv.includes('--keep')
const only = process.argv.flatMap((arg, i) => (process.argv[i - 1] === '--scene' ? arg.split(',').map(Number) : []))
const interrupted = Promise.withResolvers<never>()
interrupted.promise.catch(() => {})
let world: World | null = null
let stage: Stage | null = null

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    story.say('')
    story.tell('demo', 'is interrupted and takes everything away', signal)
    interrupted.reject(new Interrupted())
  })

class Interrupted extends Error {}

async function play(): Promise<void> {
  stage = await Stage.open(story, (made) => {
    world = made
  })
  for (const scene of SCENES.filter(({ number }) => !only.length || only.includes(number))) {
    story.scene(scene.number, scene.title)
    await scene.play(stage)
  }
  await figures(stage)
}

/** What is there to look at while the world stays. */
async function linger(stage: Stage): Promise<void> {
  const { world, platform } = stage
  story.say('\nThe world stays until you press Ctrl-C. To look around, in another terminal:')
  const enter = world.node.enter.join(' ')
  for (const command of [
    `${enter} bin/tieline status --config ${platform.configFile}`,
    `${enter} bin/tieline channel check acme --config ${platform.configFile}`,
    `ip netns | grep ${world.id}`,
    `nsenter --net=/run/netns/${world.platformNamespaces()[0]} ip addr`,
    `tcpdump -n -r ${world.captures.get('acme-pbx')}`,
    `less ${platform.logFile}`,
  ])
    story.say(`  ${command}`)
  await interrupted.promise.catch(() => {})
}

/** Takes everything away and says whether that is so. */
async function clear(): Promise<boolean> {
  if (!stage) {
    await (world as World | null)?.[Symbol.asyncDispose]()
    return !(world as World | null)?.left().length
  }
  const { world: made, platform } = stage
  const platformLeft = await platform.stop()
  await stage[Symbol.asyncDispose]()
  const left = [...platformLeft, ...made.left()]
  for (const thing of left) story.say(`  left behind: ${thing}`)
  if (!left.length) story.tell('demo', 'nothing is left: no namespace, process, interface or file')
  return left.length === 0
}

let code = 0
try {
  await Promise.race([play(), interrupted.promise])
  if (keep) await linger(stage!)
  story.say('')
} catch (error) {
  code = error instanceof Interrupted ? 130 : 1
  if (code === 1) {
    story.say(`\n${error instanceof Error ? error.stack : error}`)
    const current = stage as Stage | null
    if (current) story.say(`\n${await current.diagnosis()}`)
  }
}
if (!(await clear()) && code === 0) code = 1
story.tell('demo', code === 0 ? 'ends well' : 'ends', `${story.seconds.toFixed(0)} s in all`)
process.exit(code)
