/** A dialog of a user, as that user's own end sees it (RFC 4235 §4.1). */
export interface ShownDialog {
  /** The same from its first state to its last. */
  id: string
  direction: 'initiator' | 'recipient'
  state: 'trying' | 'early' | 'confirmed'
  /** Who calls, and by what it can be picked up (RFC 3891): of one that rings. */
  caller?: { number: string; name?: string }
  dialog?: { callId: string; localTag: string; remoteTag: string }
}

/** Listed at most, of each of the two: nobody is in more calls, and no NOTIFY grows without end. */
const MOST_DIALOGS = 16

export const DIALOG_INFO = 'application/dialog-info+xml'

/**
 * The document of a NOTIFY (RFC 4235 §4): all dialogs of the user `entity` (a SIP URI), and `over`, those that have been told of
 * before and are over since.
 */
export function dialogInfo(options: {
  entity: { user: string; host: string }
  version: number
  dialogs: Iterable<ShownDialog>
  over: Iterable<Pick<ShownDialog, 'id' | 'direction'>>
}): string {
  const { entity, version } = options
  const { host } = entity
  const live = [...options.dialogs].slice(0, MOST_DIALOGS).map((dialog) => dialogElement(dialog, host))
  const over = [...options.over]
    .slice(0, MOST_DIALOGS)
    .map(({ id, direction }) => element({ id, direction }, '<state>terminated</state>'))
  const head = {
    xmlns: 'urn:ietf:params:xml:ns:dialog-info',
    version: String(version),
    state: 'full',
    entity: uri(entity.user, host),
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n<dialog-info${attributes(head)}>${[...live, ...over].join('')}</dialog-info>\n`
}

function dialogElement({ id, direction, state, caller, dialog }: ShownDialog, host: string): string {
  const named = dialog
    ? { 'call-id': dialog.callId, 'local-tag': dialog.localTag, 'remote-tag': dialog.remoteTag }
    : ({} as Record<string, string>)
  const display = caller?.name ? attributes({ display: caller.name }) : ''
  const remote = caller ? `<remote><identity${display}>${escaped(uri(caller.number, host))}</identity></remote>` : ''
  return element({ id, ...named, direction }, `<state>${state}</state>${remote}`)
}

function element(named: Record<string, string>, content: string): string {
  return `<dialog${attributes(named)}>${content}</dialog>`
}

function uri(user: string, host: string): string {
  return `sip:${encodeURIComponent(user.toWellFormed()).replaceAll('%2B', '+').replaceAll('%23', '#')}@${host}`
}

function attributes(named: Record<string, string>): string {
  return Object.entries(named)
    .map(([name, value]) => ` ${name}="${escaped(value)}"`)
    .join('')
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

/** Control characters and lone surrogates have no place in XML 1.0, escaped or not (§2.2). */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\ufffe\uffff]/gu, ' ')
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}
