import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'

/**
 * Asks a server, and follows it nowhere else. Not `fetch`: in Node 24 that throws where nobody can catch it when a request is
 * given up while its answer comes, which would end the program. Whoever does not read to the end destroys the answer.
 */
export function post(
  url: string,
  { headers, body, signal }: { headers: Record<string, string>; body: string | Buffer; signal: AbortSignal },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request } = url.startsWith('https:') ? https : http
    const asking = request(url, { method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(body) }, signal })
    asking.on('error', reject)
    asking.once('response', (response) => {
      // Its reader is told; nobody else needs to be.
      response.on('error', () => {})
      resolve(response)
    })
    asking.end(body)
  })
}
