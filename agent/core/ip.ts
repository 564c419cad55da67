/** IPv4 addresses, MAC addresses and address pools as checked values. */

export type Ip4 = number & { readonly brand: 'Ip4' }
export type Mac = string & { readonly brand: 'Mac' }

/** A CIDR block: `base` has no host bits. */
export interface Cidr {
  readonly base: Ip4
  readonly prefix: number
}

/** undefined when `text` is not four decimal numbers of 0 to 255. */
export function parseIp4(text: string): Ip4 | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return undefined
  let value = 0
  for (const part of match.slice(1)) {
    const octet = Number(part)
    if (octet > 255) return undefined
    value = value * 256 + octet
  }
  return value as Ip4
}

export function formatIp4(ip: Ip4): string {
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`
}

export function ip4FromBytes(bytes: Uint8Array, at = 0): Ip4 {
  return (((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0) as Ip4
}

export function ip4Bytes(ip: Ip4): Uint8Array {
  return Uint8Array.of(ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255)
}

export function macFromBytes(bytes: Uint8Array, at = 0): Mac {
  let text = ''
  for (let i = 0; i < 6; i++) text += `${i === 0 ? '' : ':'}${bytes[at + i]!.toString(16).padStart(2, '0')}`
  return text as Mac
}

export function macBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16))
}

export function netmask(prefix: number): Ip4 {
  return (prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0) as Ip4
}

/** undefined when `text` is not a CIDR block or its address has host bits set. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length = '', ...rest] = text.split('/')
  const base = parseIp4(address)
  if (base === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length)) return undefined
  const prefix = Number(length)
  if (prefix > 32 || (base & ~netmask(prefix)) !== 0) return undefined
  return { base, prefix }
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIp4(cidr.base)}/${cidr.prefix}`
}

export function cidrSize(cidr: Cidr): number {
  return 2 ** (32 - cidr.prefix)
}

export function contains(cidr: Cidr, ip: Ip4): boolean {
  return (ip & netmask(cidr.prefix)) >>> 0 === cidr.base
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.prefix <= b.prefix ? contains(a, b.base) : contains(b, a.base)
}

export function broadcastOf(cidr: Cidr): Ip4 {
  return (cidr.base + cidrSize(cidr) - 1) as Ip4
}

/** The first host address: the pool's DHCP server identifier and resolver. Every agent holds it on its own tap. */
export function serviceAddressOf(cidr: Cidr): Ip4 {
  return (cidr.base + 1) as Ip4
}
