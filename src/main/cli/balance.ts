import type { Command } from 'commander'
import type { Money } from '#platform/billing/index.ts'
import type { Context } from './context.ts'
import type { Column } from './output.ts'
import { part } from './parse.ts'

type Contextual = (command: Command) => Context

interface Balance {
  balance: Money
  left: Money | null
  reserved: Money | null
  low: boolean
  empty: boolean
  lowBalance: string | null
}

interface TopUp {
  id: string
  at: string
  amount: Money
  reference?: string
}

const textOf = (money: Money | null) => money && `${money.amount} ${money.currency}`

/** Balances of subscribers that pay in advance. */
export function balanceCommands(program: Command, context: Contextual): void {
  const noun = program.command('balance').description('what subscribers have paid in, in advance, and what is left of it')
  noun
    .command('show <subscriber>')
    .description('show what is left')
    .action(async (name: string, _options, command: Command) => {
      const { client, out } = context(command)
      const shown = await client.get<Balance>(`/v1/subscribers/${part(name)}/balance`)
      out.facts(shown, [
        ['Balance', textOf(shown.balance)],
        ['Left now', textOf(shown.left)],
        ['Reserved', textOf(shown.reserved)],
        ['Low below', shown.lowBalance],
        ['State', shown.empty ? 'used up' : shown.low ? 'low' : 'well'],
      ])
    })
  noun
    .command('top-up <subscriber> <amount>')
    .description('pay in, in the currency of its plan; the same --payment again is the same money')
    .option('--payment <name>', 'what the payment is known by, without spaces: it is paid in once, however often this is said')
    .option('--reference <text>', 'for people, on the bill')
    .action(async (name: string, amount: string, options: { payment?: string; reference?: string }, command: Command) => {
      const { client, out } = context(command)
      const path = `/v1/subscribers/${part(name)}`
      const { balance } = await client.get<Balance>(`${path}/balance`)
      const { payment, reference } = options
      const body = { amount: { amount, currency: balance.currency }, ...(reference === undefined ? {} : { reference }) }
      const paid = await client.post<TopUp>(`${path}/top-ups`, body, payment)
      out.done(paid, `${textOf(paid.amount)} is paid in for ${name}.`)
    })
  noun
    .command('list <subscriber>')
    .description('list what was paid in')
    .action(async (name: string, _options, command: Command) => {
      const { client, out } = context(command)
      const paid = await client.all<TopUp>(`/v1/subscribers/${part(name)}/top-ups?limit=1000`)
      const columns: Column<TopUp>[] = [
        ['AT', (t) => t.at],
        ['AMOUNT', (t) => textOf(t.amount)],
        ['REFERENCE', (t) => t.reference],
        ['ID', (t) => t.id],
      ]
      out.table(paid, columns, 'Nothing was paid in.')
    })
  noun
    .command('warn <subscriber> <amount>')
    .description('below which balance its operator is told; off for none')
    .action(async (name: string, amount: string, _options, command: Command) => {
      const { client, out } = context(command)
      const lowBalance = amount === 'off' ? null : amount
      const changed = await client.patch<{ lowBalance: string | null }>(`/v1/subscribers/${part(name)}`, { lowBalance })
      out.done(
        { lowBalance: changed.lowBalance },
        lowBalance === null ? `Nobody is told.` : `The balance of ${name} is low below ${lowBalance}.`,
      )
    })
}
