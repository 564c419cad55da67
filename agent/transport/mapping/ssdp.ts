/** The search for a router by UPnP (UPnP Device Architecture 1.1, sections 1.3.2 and 1.3.3). */

import { fromUtf8, utf8 } from '../../core/bytes.ts'
import { formatIp4, type Ip4 } from '../../core/ip.ts'
import { SSDP_GROUP, SSDP_PORT, SSDP_SPREAD_S } from './constants.ts'

/** Devices of later versions answer it too (section 1.3.3). */
const TARGET = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1'
/** The longest answer that is read, bytes: it fits a packet. */
const MAX_ANSWER_BYTES = 1500

export const SEARCH: Uint8Array = utf8(
  [
    'M-SEARCH * HTTP/1.1',
    `HOST: ${SSDP_GROUP}:${SSDP_PORT}`,
    'MAN: "ssdp:discover"',
    `MX: ${SSDP_SPREAD_S}`,
    `ST: ${TARGET}`,
    '',
    '',
  ].join('\r\n'),
)

/**
 * Where the router describes itself; undefined when `bytes` are no answer of a router, or it names another host: whoever
 * answers must not make this node fetch something elsewhere.
 */
export function readSearchAnswer(bytes: Uint8Array, gateway: Ip4): URL | undefined {
  if (bytes.length > MAX_ANSWER_BYTES) return undefined
  const [first = '', ...lines] = (fromUtf8(bytes) ?? '').split('\r\n')
  if (!/^HTTP\/1\.[01] 200\b/.test(first)) return undefined
  const header = (name: string) =>
    lines
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim()
  if (!header('st')?.startsWith(TARGET.slice(0, -1))) return undefined
  return urlAt(gateway, header('location'))
}

/** `text`, if it is a URL of plain HTTP at the router's address. `base`: for one without a host. */
export function urlAt(gateway: Ip4, text: string | undefined, base?: URL): URL | undefined {
  if (text === undefined || !URL.canParse(text, base?.href)) return undefined
  const url = new URL(text, base)
  return url.protocol === 'http:' && url.hostname === formatIp4(gateway) && url.username === '' ? url : undefined
}
