import { agent } from '@tieline/agent'
import pg from 'pg'
import * as config from './config.js'

const crm = new pg.Pool(config.crm)
// The pool opens a new connection at the next query; without a listener the loss of an idle one would end the program.
crm.on('error', (error) => console.error('a connection to the CRM was lost:', error.message))

/** The row of the caller: `name`, `extension`, and `action`, what is special about this customer. */
async function lookUp(number) {
  const { rows } = await crm.query('select name, extension, action from customers where phone = $1', [number])
  return rows[0]
}

export default agent({
  async call(call) {
    const customer = await lookUp(call.from.number)
    if (!customer) return welcome(call)
    console.log(`${call.id}: a customer calls, action ${customer.action ?? 'none'}`)

    switch (customer.action) {
      case 'sleep': // a program that has stopped to think: the call takes its default route at the deadline
        await new Promise((resolve) => setTimeout(resolve, 30_000))
        return
      case 'exit': // a program that dies in the middle of a call
        await call.say('One moment please.')
        process.exit(1)
        return
      case 'record': {
        const message = await call.record({ maxSeconds: 30, silenceSeconds: 5, beep: true })
        console.log(`${call.id}: recorded ${message.recording}, ${message.durationSeconds} s`)
        return call.hangup()
      }
      default: {
        const ringing = await call.dial({ pbx: customer.extension }, { timeout: 20 })
        if (ringing.status !== 'answered') await call.say('Nobody is in. Please call again later.')
      }
    }
  },

  /** The switch has restarted while the call was in a verb: start it again from the caller's row. */
  resumed(call) {
    return this.call(call)
  },
})

async function welcome(call) {
  await call.say(`Welcome to ${config.company}.`)
  const { digits } = await call.gather({ say: 'To speak to somebody, press one.', maxDigits: 1, timeout: 8 })
  if (digits === '1') await call.dial({ pbx: '100' }, { via: 'trunk', timeout: 30 })
  else await call.hangup({ reason: 'no choice' })
}
