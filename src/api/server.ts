import swagger from '@fastify/swagger'
import fastify from 'fastify'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Default, Value } from 'typebox/value'
import { guard } from './access.ts'
import { agentRoutes } from './agent.ts'
import { alarmRoutes } from './alarms.ts'
import { describeAnswers } from './answers.ts'
import type { App, Routes } from './app.ts'
import { callRoutes } from './calls.ts'
import { channelRoutes } from './channels.ts'
import type { ApiDeps } from './deps.ts'
import { eventRoutes } from './events.ts'
import { rememberRequests } from './idempotency.ts'
import { metricRoutes } from './metrics.ts'
import { mistakeOf } from './mistake.ts'
import { problem, sendProblem } from './problem.ts'
import { recordingRoutes } from './recordings.ts'
import { resourceRoutes } from './resources.ts'
import { secretRoutes } from './secrets.ts'
import { statusRoutes } from './status.ts'
import { subscriberRoutes } from './subscribers.ts'
import { telephoneRoutes } from './telephones.ts'
import { findUnwritable } from './text.ts'
import { tollRoutes } from './toll.ts'
import { trunkRoutes } from './trunks.ts'
import { userRoutes } from './users.ts'

/** The largest tarball of an agent. */
const BUNDLE_BYTES = 100 * 1024 * 1024

/** The HTTP API, not yet listening. `further` adds the routes of other nouns. */
export async function createApi(deps: ApiDeps, further: Routes[] = []): Promise<App> {
  const app: App = fastify({
    bodyLimit: 1024 * 1024,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    return503OnClosing: false,
    // A path that is none, before any route is found.
    frameworkErrors: (error, _request, reply) => sendProblem(reply, error, deps.log),
  })
  app.setValidatorCompiler(({ schema, httpPart }) => validator(schema as TSchema, httpPart))
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.setErrorHandler((error, _request, reply) => sendProblem(reply, error, deps.log))
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, problem('not-found', 404, 'There is nothing here.'), deps.log))
  app.addContentTypeParser(
    ['application/gzip', 'application/x-gzip', 'application/octet-stream'],
    { parseAs: 'buffer', bodyLimit: BUNDLE_BYTES },
    (_request, body, done) => done(null, body),
  )
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Tieline', version: '1', description: 'The HTTP API of a Tieline platform.' },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
  })
  guard(app, deps)
  rememberRequests(app, deps)
  const routes = [
    subscriberRoutes,
    secretRoutes,
    telephoneRoutes,
    userRoutes,
    agentRoutes,
    channelRoutes,
    callRoutes,
    eventRoutes,
    recordingRoutes,
    resourceRoutes,
    trunkRoutes,
    tollRoutes,
    statusRoutes,
    metricRoutes,
    alarmRoutes,
  ]
  // In a scope of its own, after the documentation has begun to listen for routes.
  await app.register(async (scope) => {
    describeAnswers(scope as App)
    for (const register of routes) register(scope as App, deps)
    for (const register of further) register(scope as App)
    scope.get('/v1/openapi.json', { config: { access: 'open' }, schema: { hide: true } }, () => app.swagger())
  })
  return app
}

/** Queries and parameters are text and are read as what the schema says; bodies are taken as they are. */
function validator(schema: TSchema, httpPart: string | undefined) {
  const compiled = Compile(schema)
  return (data: unknown) => {
    const value = httpPart === 'body' ? data : Default(schema, Value.Convert(schema, data ?? {}))
    if (!compiled.Check(value)) {
      const { instancePath, message } = mistakeOf(schema, compiled.Errors(value))
      return refusal(instancePath, message)
    }
    const unwritable = findUnwritable(value)
    return unwritable === null ? { value } : refusal(unwritable, 'has text that is none: a NUL, or half of a character')
  }
}

function refusal(instancePath: string, message: string): { error: never } {
  return { error: [{ instancePath, message, keyword: '', schemaPath: '', params: {} }] as never }
}
