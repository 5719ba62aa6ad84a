import { connect } from 'node:net'
import { until } from './clock.ts'

/** Waits until somebody listens there. */
export async function listening(address: string, port: number): Promise<void> {
  await until(
    'a listener',
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect({ host: address, port })
        socket.once('connect', () => resolve(socket.destroy() && true))
        socket.once('error', () => resolve(false))
      }),
    5000,
  )
}
