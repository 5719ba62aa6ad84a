import { Type } from 'typebox'
import type { App } from './app.ts'
import { Problem } from './problem.ts'

/** Answers as the description of the API has them, beside those that are a schema of their own. */

/** 204: it is done, and there is nothing to say of it. */
export const Nothing = Type.Null({ description: 'Done.' })

/** What is sent as it is: a file, a stream. */
export function sentAs(type: string, description: string) {
  return { description, content: { [type]: { schema: { type: 'string' } } } }
}

const PROBLEM = Type.Object(Problem.properties, { title: 'Problem' })

/** Every route may answer a problem (RFC 9457), and a DELETE that says nothing else nothing. */
export function describeAnswers(app: App): void {
  app.addHook('onRoute', ({ schema, method }) => {
    if (!schema || schema.hide) return
    const answers = { ...(schema.response as Record<string, unknown>) }
    schema.response = answers
    if (method === 'DELETE' && Object.keys(answers).length === 0) answers[204] = Nothing
    answers.default = { description: 'Why it could not be.', content: { 'application/problem+json': { schema: PROBLEM } } }
  })
}
