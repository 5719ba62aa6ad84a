import koffi from 'koffi'
import { type Reader, type ReadParty, unquoted } from './reader.ts'

const TRACE_ERROR = 2

/** GNU oSIP, which eXosip and the telephones built on it read with. */
export function osip(): Reader {
  const library = koffi.load('libosipparser2.so.15')
  const init = library.func('osip_message_init', 'int', [koffi.out(koffi.pointer('void*'))])
  const parse = library.func('osip_message_parse', 'int', ['void*', 'uint8_t*', 'size_t'])
  const free = library.func('osip_message_free', 'void', ['void*'])
  const methodOf = library.func('osip_message_get_method', 'str', ['void*'])
  const statusOf = library.func('osip_message_get_status_code', 'int', ['void*'])
  const targetOf = library.func('osip_message_get_uri', 'void*', ['void*'])
  const fromOf = library.func('osip_message_get_from', 'void*', ['void*'])
  const toOf = library.func('osip_message_get_to', 'void*', ['void*'])
  const contactOf = library.func('osip_message_get_contact', 'int', ['void*', 'int', koffi.out(koffi.pointer('void*'))])
  const nameOf = library.func('osip_from_get_displayname', 'str', ['void*'])
  const uriOf = library.func('osip_from_get_url', 'void*', ['void*'])
  const userOf = library.func('osip_uri_get_username', 'str', ['void*'])
  library.func('parser_init', 'int', [])()
  // What it says of its errors: the formats alone, since what stands in them is a list of C's.
  const said: string[] = []
  const Tell = koffi.proto('void TellOsip(const char *file, int line, int level, const char *format, void *values)')
  const tell = koffi.register(
    (_: string, __: number, ___: number, format: string) => said.push(format.trim()),
    koffi.pointer(Tell),
  )
  library.func('osip_trace_initialize_func', 'void', ['int', 'void*'])(TRACE_ERROR, tell)
  const failed = (error: number) => new Error(`error ${error}: ${said.splice(0).join(' ')}`)

  const initSdp = library.func('sdp_message_init', 'int', [koffi.out(koffi.pointer('void*'))])
  const parseSdp = library.func('sdp_message_parse', 'int', ['void*', 'str'])
  const freeSdp = library.func('sdp_message_free', 'void', ['void*'])

  const user = (uri: unknown) => (uri ? (userOf(uri) ?? '') : '')
  const party = (address: unknown): ReadParty => ({ name: unquoted(nameOf(address)), user: user(uriOf(address)) })
  return {
    name: 'oSIP',
    read(octets) {
      const made: unknown[] = [null]
      init(made)
      const [message] = made
      try {
        const error: number = parse(message, octets, octets.length)
        if (error !== 0) throw failed(error)
        if (!fromOf(message) || !toOf(message)) throw new Error('no From or no To')
        const contact: unknown[] = [null]
        const has = contactOf(message, 0, contact) >= 0
        return {
          start: methodOf(message) ?? String(statusOf(message)),
          target: user(targetOf(message)),
          from: party(fromOf(message)),
          to: party(toOf(message)),
          contact: has ? party(contact[0]) : null,
        }
      } finally {
        free(message)
      }
    },
    readSdp(sdp) {
      const made: unknown[] = [null]
      initSdp(made)
      const error: number = parseSdp(made[0], sdp)
      freeSdp(made[0])
      if (error !== 0) throw failed(error)
    },
  }
}
