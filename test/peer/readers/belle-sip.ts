import koffi from 'koffi'
import { type Reader, type ReadParty, unquoted } from './reader.ts'

const LOG_FATAL = 1 << 5

/** belle-sip, which Linphone reads with: a grammar written down as such, for ANTLR. */
export function belleSip(): Reader {
  const library = koffi.load('libbellesip.so.1')
  const parse = library.func('belle_sip_message_parse_raw', 'void*', ['uint8_t*', 'size_t', koffi.out(koffi.pointer('size_t'))])
  const headerOf = library.func('belle_sip_message_get_header', 'void*', ['void*', 'str'])
  const headersOf = library.func('belle_sip_message_get_headers', 'void*', ['void*', 'str'])
  const isRequest = library.func('belle_sip_message_is_request', 'int', ['void*'])
  const methodOf = library.func('belle_sip_request_get_method', 'str', ['void*'])
  const targetOf = library.func('belle_sip_request_get_uri', 'void*', ['void*'])
  const statusOf = library.func('belle_sip_response_get_status_code', 'int', ['void*'])
  const nameOf = library.func('belle_sip_header_address_get_displayname', 'str', ['void*'])
  const uriOf = library.func('belle_sip_header_address_get_uri', 'void*', ['void*'])
  const userOf = library.func('belle_sip_uri_get_user', 'str', ['void*'])
  const parseSdp = library.func('belle_sdp_session_description_parse', 'void*', ['str'])
  const release = library.func('belle_sip_object_unref', 'void', ['void*'])
  library.func('belle_sip_object_pool_push', 'void*', [])()
  const toolbox = koffi.load('libbctoolbox.so.1')
  const countOf = toolbox.func('bctbx_list_size', 'size_t', ['void*'])
  toolbox.func('bctbx_set_log_level', 'void', ['str', 'int'])('belle-sip', LOG_FATAL)

  const user = (uri: unknown) => (uri ? (userOf(uri) ?? '') : '')
  const party = (address: unknown): ReadParty => ({ name: unquoted(nameOf(address)), user: user(uriOf(address)) })
  return {
    name: 'belle-sip',
    read(octets) {
      const length = [0]
      const message = parse(octets, octets.length, length)
      if (!message) throw new Error('no message')
      try {
        // A header that it cannot read it leaves out.
        const lost = namesIn(octets).find(
          (name, _, all) => all.filter((n) => n === name).length > countOf(headersOf(message, name)),
        )
        if (lost) throw new Error(`a malformed ${lost}`)
        const [from, to, contact] = ['From', 'To', 'Contact'].map((name) => headerOf(message, name))
        if (!from || !to) throw new Error('no From or no To')
        const request = isRequest(message) !== 0
        return {
          start: request ? methodOf(message) : String(statusOf(message)),
          target: request ? user(targetOf(message)) : '',
          from: party(from),
          to: party(to),
          contact: contact ? party(contact) : null,
        }
      } finally {
        release(message)
      }
    },
    readSdp(sdp) {
      const description = parseSdp(sdp)
      if (!description) throw new Error('no description')
      release(description)
    },
  }
}

function namesIn(octets: Uint8Array): string[] {
  const [head = ''] = Buffer.from(octets).toString('latin1').split('\r\n\r\n')
  return head.split('\r\n').flatMap((line) => /^([\w-]+)[ \t]*:/.exec(line)?.[1] ?? [])
}
