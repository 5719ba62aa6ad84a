import type { Command } from 'commander'
import type { TelephoneState } from '#platform/words/index.ts'
import type { Context } from './context.ts'
import { part } from './parse.ts'
import { userCommands } from './user.ts'

export function telephoneCommands(program: Command, context: (command: Command) => Context): void {
  const noun = program.command('telephone').description('telephones and computers of a site that register')
  noun
    .command('list <subscriber>')
    .description('list telephones, and where they are registered')
    .action(async (subscriber: string, _options, command: Command) => {
      const { client, out } = context(command)
      const { items } = await client.get<{ items: TelephoneState[] }>(`/v1/subscribers/${part(subscriber)}/telephones`)
      out.table(
        items,
        [
          ['NAME', (t) => t.name],
          ['REGISTERED', (t) => t.contacts.length],
          ['AT', (t) => t.contacts.map(({ source }) => source).join(' ') || undefined],
          [
            'UNTIL',
            (t) =>
              t.contacts
                .map(({ expiresAt }) => expiresAt)
                .sort()
                .at(-1),
          ],
        ],
        'There are no telephones yet. Add one with: tieline telephone add <subscriber> <name>',
      )
    })
  userCommands(noun, context)
  noun
    .command('ca <subscriber>')
    .description('print the CA that telephones have to trust when they connect by TLS')
    .action(async (subscriber: string, _options, command: Command) => {
      const { client, out } = context(command)
      const told = await client.get<{ certificate: string }>(`/v1/subscribers/${part(subscriber)}/telephone-ca`)
      if (out.json) out.value(told)
      else out.line(told.certificate)
    })
  noun
    .command('tls <subscriber> <policy>')
    .description('whether telephones may do without TLS: allowed or required')
    .action(async (subscriber: string, telephoneTls: string, _options, command: Command) => {
      const { client, out } = context(command)
      const changed = await client.patch(`/v1/subscribers/${part(subscriber)}`, { telephoneTls })
      out.done(changed, `TLS for the telephones of ${subscriber}: ${telephoneTls}.`)
    })
  noun
    .command('digest <subscriber> <algorithm>')
    .description('by what telephones show who they are: MD5, which all know, or SHA-256')
    .action(async (subscriber: string, telephoneDigest: string, _options, command: Command) => {
      const { client, out } = context(command)
      const changed = await client.patch(`/v1/subscribers/${part(subscriber)}`, { telephoneDigest })
      out.done(changed, `Telephones of ${subscriber} are asked for ${telephoneDigest}.`)
    })
  noun
    .command('add <subscriber> <name>')
    .description('give a telephone a user name and a password, which is told this once')
    .action(async (subscriber: string, name: string, _options, command: Command) => {
      const { client, out } = context(command)
      const path = `/v1/subscribers/${part(subscriber)}/telephones`
      const made = await client.post<{ name: string; password: string }>(path, { name })
      out.done(made, `The telephone ${made.name} registers with the password ${made.password}`)
    })
  noun
    .command('remove <subscriber> <name>')
    .description('revoke the password of a telephone, at once')
    .action(async (subscriber: string, name: string, _options, command: Command) => {
      const { client, out } = context(command)
      await client.delete(`/v1/subscribers/${part(subscriber)}/telephones/${part(name)}`)
      out.done(null, `The telephone ${name} can register no more.`)
    })
}
