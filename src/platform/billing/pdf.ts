import { createHash } from 'node:crypto'
import type PDFDocument from 'pdfkit'
import type { Invoice, InvoiceLine } from './invoice.ts'

const LEFT = 50
const RIGHT = 545
const BOTTOM = 770

/** The columns of the table: where each ends or begins, in points. */
const COLUMNS = {
  line: { x: LEFT, width: 20, align: 'right' },
  title: { x: 78, width: 190, align: 'left' },
  count: { x: 268, width: 40, align: 'right' },
  minutes: { x: 312, width: 58, align: 'right' },
  reference: { x: 380, width: 90, align: 'left' },
  amount: { x: 470, width: RIGHT - 470, align: 'right' },
} as const

type Column = keyof typeof COLUMNS
type Document = InstanceType<typeof PDFDocument>

/**
 * The invoice as PDF: the same bytes for the same invoice, since the dates are the period's and pdfkit makes the file's id
 * from them and the title.
 */
export async function invoicePdf(invoice: Invoice): Promise<Uint8Array> {
  // Read when there is a bill to print: it is a tenth of a second of CPU, which no start of a process shall wait for.
  const { default: PDFDocument } = await import('pdfkit')
  const date = new Date(invoice.to)
  const doc = new PDFDocument({
    size: 'A4',
    margins: { top: 50, bottom: 40, left: LEFT, right: 50 },
    bufferPages: true,
    info: {
      Title: `Invoice ${invoice.number}`,
      Author: 'Tieline',
      Subject: invoice.id,
      Creator: 'Tieline',
      Producer: 'Tieline',
      CreationDate: date,
      ModDate: date,
    },
  })
  const chunks: Uint8Array[] = []
  doc.on('data', (chunk: Uint8Array) => chunks.push(chunk))
  const done = new Promise<Uint8Array>((resolve, reject) => {
    doc.on('end', () => resolve(Buffer.concat(chunks)))
    doc.on('error', reject)
  })
  head(doc, invoice)
  table(doc, invoice)
  foot(doc, invoice)
  doc.end()
  return done
}

function head(doc: Document, invoice: Invoice): void {
  doc
    .font('Helvetica-Bold')
    .fontSize(20)
    .text(invoice.state === 'draft' ? 'DRAFT INVOICE' : 'INVOICE', LEFT, 50)
  doc.font('Helvetica').fontSize(9)
  const facts: [string, string][] = [
    ['Number', invoice.number],
    ['Subscriber', `${invoice.name} (${invoice.subscriber})`],
    ['Period', `${invoice.period}, ${invoice.timeZone}: ${invoice.from} to ${invoice.to}`],
    ['Date', invoice.issuedOn],
    ['Id', invoice.id],
  ]
  let y = 85
  for (const [name, value] of facts) {
    doc.fillColor('#666').text(name, LEFT, y, { width: 80, lineBreak: false })
    doc.fillColor('#000').text(value, LEFT + 80, y, { width: RIGHT - LEFT - 80, lineBreak: false })
    y += 14
  }
  doc.y = y + 16
}

function table(doc: Document, invoice: Invoice): void {
  const titles = { line: '#', title: 'What', count: 'Count', minutes: 'Minutes', reference: 'Leases', amount: invoice.currency }
  row(doc, titles, 'Helvetica-Bold')
  rule(doc)
  for (const line of invoice.lines) {
    if (doc.y > BOTTOM - 40) {
      doc.addPage()
      row(doc, titles, 'Helvetica-Bold')
      rule(doc)
    }
    row(doc, {
      line: String(line.line),
      title: titleOf(line),
      count: line.type === 'recurring' ? '' : String(line.count),
      minutes: line.type === 'recurring' ? '' : used(line),
      reference: reference(line),
      amount: line.amount,
    })
  }
  rule(doc)
  for (const { at, amount, reference } of invoice.prepaid?.topUps ?? []) {
    if (doc.y > BOTTOM - 40) doc.addPage()
    row(doc, { title: `Paid in on ${at.slice(0, 10)}${reference ? `, ${reference}` : ''}: ${amount} ${invoice.currency}` })
  }
}

function titleOf({ title, rate, review }: InvoiceLine): string {
  const named = rate ? `${title} (${rate})` : title
  return review ? `${named}, ${review.length} to be reviewed` : named
}

function foot(doc: Document, invoice: Invoice): void {
  if (doc.y > BOTTOM - 60 - 16 * invoice.taxes.length) doc.addPage()
  row(doc, { title: 'Subtotal', amount: invoice.subtotal })
  if (invoice.prepaid) row(doc, { title: 'Paid from the balance', amount: `-${invoice.prepaid.used}` })
  for (const tax of invoice.taxes) row(doc, { title: `${tax.title} ${tax.percent} % of ${tax.base}`, amount: tax.amount })
  if (/[1-9]/.test(invoice.rounding)) row(doc, { title: 'Rounding', amount: invoice.rounding })
  row(doc, { title: `Total ${invoice.currency}`, amount: invoice.total }, 'Helvetica-Bold')
  doc.font('Helvetica').fontSize(7).fillColor('#666')
  const memory = invoice.lines.some(({ unit }) => unit) ? 'Memory is in mebibyte-hours (MiB h), a lease for each day. ' : ''
  const note =
    `${memory}Minutes are charged minutes. ` +
    'A call belongs to the period in which it ended. The reference is the beginning of the SHA-256 of ' +
    "the line's lease ids, which the invoice as JSON lists."
  doc.text(note, LEFT, doc.y + 14, { width: RIGHT - LEFT })
}

function row(doc: Document, cells: Partial<Record<Column, string>>, font = 'Helvetica'): void {
  const y = doc.y
  doc.font(font).fontSize(9).fillColor('#000')
  let height = 0
  for (const [name, text] of Object.entries(cells) as [Column, string][]) {
    const { x, width, align } = COLUMNS[name]
    doc.text(text, x, y, { width, align })
    height = Math.max(height, doc.y - y)
  }
  doc.y = y + height + 4
}

function rule(doc: Document): void {
  doc.moveTo(LEFT, doc.y).lineTo(RIGHT, doc.y).lineWidth(0.5).strokeColor('#999').stroke()
  doc.y += 5
}

/** What is charged, for people: minutes, or mebibyte-hours, whose two words stay on one line. */
function used({ units, unit }: InvoiceLine): string {
  return unit ? mebibyteHours(units).replace('MiB h', 'MiB\u00a0h') : hundredths(units, 60)
}

/** Mebibyte-seconds as mebibyte-hours, for people. */
export function mebibyteHours(units: number): string {
  return `${hundredths(units, 3600)} MiB h`
}

/** With two places, in integers. */
function hundredths(units: number, per: number): string {
  const all = Math.round((units * 100) / per)
  return `${Math.floor(all / 100)}.${String(all % 100).padStart(2, '0')}`
}

/** Names the leases of a line in short: how they hash. Whoever has the JSON can check it. */
export function reference(line: InvoiceLine): string {
  if (line.leases.length === 0) return ''
  return `sha256 ${createHash('sha256').update(line.leases.join('\n')).digest('hex').slice(0, 10)}`
}
