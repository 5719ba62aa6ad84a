import koffi from 'koffi'
import { type Reader, type ReadParty, unquoted } from './reader.ts'

/** Only what conforms. */
const SDP_STRICT = 1

/** Sofia-SIP, which FreeSWITCH reads with. */
export function sofia(): Reader {
  const library = koffi.load('libsofia-sip-ua.so.0')
  const sip = library.func('sip_default_mclass', 'void*', [])()
  const make = library.func('msg_make', 'void*', ['void*', 'int', 'uint8_t*', 'int64_t'])
  const destroy = library.func('msg_destroy', 'void', ['void*'])
  const open = library.func('msg_object', 'void*', ['void*'])
  const Common = koffi.struct({ next: 'void*', previous: 'void*', kind: 'void*', data: 'void*', length: 'size_t' })
  const common = Common
  // The head of `sip_t` down to the headers that are looked at (sofia-sip/sip.h).
  const Message = koffi.struct({
    ...{ common, next: 'void*', user: 'void*', size: 'uint', flags: 'int', error: 'void*', request: 'void*', status: 'void*' },
    ...{ via: 'void*', route: 'void*', recordRoute: 'void*', maxForwards: 'void*', proxyRequire: 'void*' },
    ...{ from: 'void*', to: 'void*', callId: 'void*', cseq: 'void*', contact: 'void*' },
  })
  const Uri = koffi.struct({
    ...{ pad: koffi.array('uint8_t', 6), type: 'int8_t', root: 'char', scheme: 'str', user: 'str', password: 'str' },
    ...{ host: 'str', port: 'str', path: 'str', params: 'str', headers: 'str', fragment: 'str' },
  })
  const Address = koffi.struct({ common, next: 'void*', display: 'str', uri: Uri })
  const Request = koffi.struct({ common, next: 'void*', method: 'int', name: 'str', uri: Uri })
  const Status = koffi.struct({ common, next: 'void*', version: 'str', status: 'int' })

  const parseSdp = library.func('sdp_parse', 'void*', ['void*', 'str', 'int64_t', 'int'])
  const failureOf = library.func('sdp_parsing_error', 'str', ['void*'])
  const freeSdp = library.func('sdp_parser_free', 'void', ['void*'])

  const textOf = (header: unknown) => {
    const { data, length } = koffi.decode(header, Common)
    return data ? Buffer.from(koffi.decode(data, 'uint8_t', length)).toString() : 'a header'
  }
  const said = (user: string | null) => decodeURIComponent(user ?? '')
  const party = (pointer: unknown): ReadParty => {
    const { display, uri } = koffi.decode(pointer, Address)
    return { name: unquoted(display), user: said(uri.user) }
  }
  return {
    name: 'Sofia-SIP',
    read(octets) {
      const made = make(sip, 0, octets, octets.length)
      if (!made) throw new Error('nothing was made of it')
      try {
        const message = koffi.decode(open(made), Message)
        // What it cannot read it sets aside, header by header.
        if (message.error) throw new Error(`not taken: ${textOf(message.error)}`)
        const { request, status, from, to, contact } = message
        if (!from || !to || (!request && !status)) throw new Error('no start line, no From or no To')
        const line = request ? koffi.decode(request, Request) : null
        return {
          start: line ? line.name : String(koffi.decode(status, Status).status),
          target: line ? said(line.uri.user) : '',
          from: party(from),
          to: party(to),
          contact: contact ? party(contact) : null,
        }
      } finally {
        destroy(made)
      }
    },
    readSdp(sdp) {
      const parser = parseSdp(null, sdp, Buffer.byteLength(sdp), SDP_STRICT)
      const failure = failureOf(parser)
      freeSdp(parser)
      if (failure) throw new Error(failure)
    },
  }
}
