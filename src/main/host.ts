import { TielineError } from '#lib/index.ts'
import { kernelHasWireGuard } from '#platform/channel/index.ts'
import { missingForStart, readConfig, thisMachine, warningsForStart } from '#platform/node/index.ts'
import { startHost } from './host/start.ts'

/**
 * Runs the platform in the foreground: resolves when it has been told to stop and nothing of it is left. Rejects with what
 * keeps it from starting, a sentence a line.
 */
export async function up(options: { config?: string | undefined } = {}): Promise<void> {
  const config = await readConfig(options.config ?? null)
  if (process.env.DATABASE_URL) config.databaseUrl = process.env.DATABASE_URL
  const machine = thisMachine()
  const kernel = machine.uid === 0 && (await kernelHasWireGuard(`tl${config.instance}w0`))
  const missing = missingForStart(config, machine, kernel)
  if (missing.length)
    throw new TielineError(missing.join('\n'), { code: 'not-ready', fault: 'caller', retry: true, http: 503 }, { missing })

  const signals = stopSignals()
  await using stack = new AsyncDisposableStack()
  stack.defer(signals.forget)
  const host = await startHost({ config, kernelWireGuard: kernel, stack })
  for (const sentence of warningsForStart(config, machine)) host.log.warn({}, sentence)
  const signal = await signals.first
  host.log.info({ signal }, 'Tieline stops')
  signals.onFurther(() => host.force())
}

/** SIGTERM and SIGINT: the first asks for an orderly end, in which calls may go on for a while; each further one forces it more. */
function stopSignals() {
  const first = Promise.withResolvers<NodeJS.Signals>()
  let further = () => {}
  let count = 0
  const hear = (signal: NodeJS.Signals) => {
    if (++count === 1) first.resolve(signal)
    else further()
  }
  process.on('SIGTERM', hear)
  process.on('SIGINT', hear)
  const forget = () => {
    process.off('SIGTERM', hear)
    process.off('SIGINT', hear)
  }
  const onFurther = (run: () => void) => {
    further = run
  }
  return { first: first.promise, onFurther, forget }
}
