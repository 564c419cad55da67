/**
 * What is said to an Internet Gateway Device, and how its answers are read (UPnP Forum, WANIPConnection:1 and :2 and
 * WANPPPConnection:1; the envelope is SOAP 1.1).
 *
 * Of the XML only the elements that are needed are looked for, in linear time; an answer in which they are missing is none.
 */

import { type Ip4, parseIp4 } from '../../core/ip.ts'
import { urlAt } from './ssdp.ts'
import type { HttpAnswer, HttpRequest } from './ways.ts'

/** In the order in which they are wanted. */
const SERVICES = [
  'urn:schemas-upnp-org:service:WANIPConnection:2',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
  'urn:schemas-upnp-org:service:WANPPPConnection:1',
] as const
/** The longest text of an element that is read, characters. */
const MAX_TEXT = 512
/** Services in a description that are looked at. */
const MAX_SERVICES = 32

/** What maps ports. */
export interface IgdService {
  readonly type: (typeof SERVICES)[number]
  readonly control: URL
}

/** The service in a device's description; undefined when it has none at the router's own address. */
export function readDescription(xml: string, at: URL, gateway: Ip4): IgdService | undefined {
  const base = urlAt(gateway, textOf(xml, 'URLBase')) ?? at
  const services = xml.split('<service>').slice(1, MAX_SERVICES + 1)
  for (const type of SERVICES) {
    const service = services.find((each) => textOf(each, 'serviceType') === type)
    const control = service === undefined ? undefined : urlAt(gateway, textOf(service, 'controlURL'), base)
    if (control !== undefined) return { type, control }
  }
  return undefined
}

export function soapRequest(
  { type, control }: IgdService,
  action: string,
  values: readonly (readonly [name: string, value: string | number])[],
): HttpRequest {
  const inner = values.map(([name, value]) => `<${name}>${value}</${name}>`).join('')
  const envelope = 'xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
  const encoding = 's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"'
  const call = `<u:${action} xmlns:u="${type}">${inner}</u:${action}>`
  return {
    method: 'POST',
    url: control,
    headers: { 'Content-Type': 'text/xml; charset="utf-8"', SOAPAction: `"${type}#${action}"` },
    body: `<?xml version="1.0"?>\r\n<s:Envelope ${envelope} ${encoding}><s:Body>${call}</s:Body></s:Envelope>\r\n`,
  }
}

/** The number of the error that an answer holds, 0 for an answer to `action`; undefined for anything else. */
export function errorIn({ status, body }: HttpAnswer, action: string): number | undefined {
  if (status === 200) return body.includes(`${action}Response`) ? 0 : undefined
  const code = textOf(body, 'errorCode')
  return code !== undefined && /^[1-9]\d{2}$/.test(code) ? Number(code) : undefined
}

/** The address in an answer to `GetExternalIPAddress`; undefined when there is none, as while the router is offline. */
export function addressIn({ body }: HttpAnswer): Ip4 | undefined {
  const ip = parseIp4(textOf(body, 'NewExternalIPAddress') ?? '')
  return ip === 0 ? undefined : ip
}

/** The text of the first element of this name, without what surrounds it; undefined when there is none, or it is long. */
function textOf(xml: string, name: string): string | undefined {
  const start = new RegExp(`<${name}(?:\\s[^<>]{0,200})?>`).exec(xml)
  if (start === null) return undefined
  const text = xml.slice(start.index + start[0].length, start.index + start[0].length + MAX_TEXT)
  const end = text.indexOf('<')
  return end < 0 || !text.startsWith(`</${name}>`, end) ? undefined : text.slice(0, end).trim().replaceAll('&amp;', '&')
}
