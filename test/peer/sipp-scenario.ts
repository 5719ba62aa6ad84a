/** The pieces that scenarios of SIPp's are put together from. */

const HEADERS = `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:+32470123456@[local_ip]>;tag=[call_number]
Call-ID: [call_id]
Contact: <sip:sipp@[local_ip]:[local_port]>`

/** A description by SIPp, of this version. */
export function sdp(direction: string, version = 1): string {
  return `v=0
o=- 1 ${version} IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=${direction}`
}

/** A request of a caller's. */
export function send(method: string, sequence: number, extra: string, body: string, retrans = true): string {
  const [uri, to] = method === 'INVITE' && sequence === 1 ? [`sip:[service]@[remote_ip]`, ''] : ['[next_url]', '[peer_tag_param]']
  const type = body ? 'Content-Type: application/sdp\n' : ''
  return `<send${retrans ? ' retrans="500"' : ''}><![CDATA[
${method} ${uri} SIP/2.0
${HEADERS}
To: <sip:[service]@[remote_ip]>${to}
CSeq: ${sequence} ${method}
${extra}${type}Content-Length: [len]

${body}
]]></send>`
}

export const recv = (response: number, extra = '', action = '') =>
  `<recv response="${response}" ${extra}>${action ? `<action>${action}</action>` : ''}</recv>`
/** The header has to be like this. */
export const must = (header: string, regexp: string, variable: string) =>
  `<ereg regexp="${regexp}" search_in="hdr" header="${header}" check_it="true" assign_to="${variable}"/>`

/** 200 for a request inside the dialog. */
export const OK = `<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>`
