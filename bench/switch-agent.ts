import { join } from 'node:path'
import tls from 'node:tls'
import { LINKS } from '#platform/words/index.ts'
import { agent } from '../sdk/src/index.ts'

/** What the bench hands the agent that decides from memory. */
export interface AgentOrders {
  run: string
  certificate: string
  key: string
  ca: string
}

/** Where each caller's calls go: the decision is a look-up. */
const routes = new Map<string, string>()
for (let i = 0; i < 10_000; i++) routes.set(`+3247${i}`, '+3225559000')

const program = agent({
  async call(call) {
    await call.dial({ trunk: 'other', number: routes.get(call.from.number) ?? '+3225559001' })
  },
})

process.once('message', ({ run, certificate, key, ca }: AgentOrders) => {
  program.start({
    connect: () => tls.connect({ path: join(run, LINKS.agents), cert: certificate, key, ca, servername: 'switch.tieline' }),
    facts: { version: 'bench', startedAt: Date.now() },
    onState: (state) => state === 'connected' && process.send?.('connected'),
  })
})
process.on('disconnect', () => process.exit(0))
