/** The parts of a `UdpEndpoint`: an IP address and a port. */

import { isIP, SocketAddress } from 'node:net'
import type { UdpEndpoint } from './datagrams.ts'

/**
 * The endpoint of an address and a port. IPv6 gets the canonical form of RFC 5952; a mapped IPv4 address becomes IPv4.
 * undefined when `ip` is no IP address, has a zone, or `port` is not 1 to 65535.
 */
export function udpEndpoint(ip: string, port: number): UdpEndpoint | undefined {
  if (!Number.isInteger(port) || port < 1 || port > 65_535 || ip.includes('%')) return undefined
  const family = isIP(ip)
  if (family === 4) return `${ip}:${port}` as UdpEndpoint
  if (family !== 6) return undefined
  const { address } = new SocketAddress({ address: ip, family: 'ipv6' })
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  return (mapped === undefined ? `[${address}]:${port}` : `${mapped}:${port}`) as UdpEndpoint
}

/** undefined when `text` is no endpoint in its canonical form. */
export function parseUdpEndpoint(text: string): UdpEndpoint | undefined {
  const colon = text.lastIndexOf(':')
  const endpoint = udpEndpoint(text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), Number(text.slice(colon + 1)))
  return endpoint === text ? endpoint : undefined
}

export function isIp6(endpoint: UdpEndpoint): boolean {
  return endpoint.startsWith('[')
}

/** Without brackets. */
export function ipOf(endpoint: UdpEndpoint): string {
  const ip = endpoint.slice(0, endpoint.lastIndexOf(':'))
  return ip.startsWith('[') ? ip.slice(1, -1) : ip
}

export function portOf(endpoint: UdpEndpoint): number {
  return Number(endpoint.slice(endpoint.lastIndexOf(':') + 1))
}
