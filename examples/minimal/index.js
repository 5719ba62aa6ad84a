import { agent } from '@tieline/agent'

// Every call goes to the office's telephone 101; when nobody answers, the caller may leave a message.
export default agent({
  async call(call) {
    const ringing = await call.dial({ pbx: '101' }, { timeout: 20 })
    if (ringing.status === 'answered') return
    await call.say('Nobody is in. Please leave a message after the tone.')
    await call.record({ maxSeconds: 120, silenceSeconds: 5, beep: true })
  },
})
