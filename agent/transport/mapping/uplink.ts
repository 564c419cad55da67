/**
 * Which router this machine is behind, as Linux has it: the gateway of the best default route for IPv4, on a network that this
 * machine is on itself.
 *
 * The overlay's own taps are never the way to a router: their interfaces are passed over, and so is a gateway whose address lies in
 * the overlay.
 */

import { readFileSync } from 'node:fs'
import { endianness, type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { contains, formatIp4, type Ip4, netmask, parseIp4 } from '../../core/ip.ts'
import type { Uplink } from './ways.ts'

const ROUTES = '/proc/net/route'
/** Flags of a route: it is up, it goes through a gateway (`linux/route.h`). */
const UP_GATEWAY = 0x3

export interface UplinkRules {
  /** The overlay's own taps. */
  readonly hiddenInterfaces: readonly string[]
  /** Whether an address may be that of a router. */
  readonly admits: (ip: Ip4) => boolean
}

/** undefined without a router, or where the kernel does not say. */
export function currentUplink(rules: UplinkRules): Uplink | undefined {
  try {
    return uplinkIn(readFileSync(ROUTES, 'latin1'), networkInterfaces(), rules)
  } catch {
    return undefined // No /proc: a machine that is not Linux, or a container without it.
  }
}

/** @param routes the text of `/proc/net/route` */
export function uplinkIn(
  routes: string,
  interfaces: NodeJS.Dict<readonly NetworkInterfaceInfo[]>,
  { hiddenInterfaces, admits }: UplinkRules,
): Uplink | undefined {
  const ways = routes.split('\n').flatMap((line) => defaultRoute(line) ?? [])
  ways.sort((a, b) => a.metric - b.metric)
  for (const { device, gateway } of ways) {
    if (hiddenInterfaces.includes(device) || !admits(gateway)) continue
    const own = interfaces[device]?.find(({ family, cidr }) => family === 'IPv4' && isOn(cidr, gateway))
    const ip = own && parseIp4(own.address)
    if (ip !== undefined) return { device, gateway, own: ip }
  }
  return undefined
}

function defaultRoute(line: string): { device: string; gateway: Ip4; metric: number } | undefined {
  const [device = '', to, gateway = '', flags = '', , , metric, mask] = line.split('\t').map((word) => word.trim())
  if (to !== '00000000' || mask !== '00000000' || (Number.parseInt(flags, 16) & UP_GATEWAY) !== UP_GATEWAY)
    return undefined
  return /^[0-9A-F]{8}$/i.test(gateway) ? { device, gateway: fromHost(gateway), metric: Number(metric) } : undefined
}

/** The kernel prints the four bytes as one number of the machine. */
function fromHost(hex: string): Ip4 {
  const bytes = Buffer.from(hex, 'hex')
  return (endianness() === 'LE' ? bytes.readUInt32LE() : bytes.readUInt32BE()) as Ip4
}

/** @param cidr an interface's address with its prefix length */
function isOn(cidr: string | null, gateway: Ip4): boolean {
  const [address = '', length] = (cidr ?? '').split('/')
  const ip = parseIp4(address)
  if (ip === undefined || formatIp4(gateway) === address) return false
  const prefix = Number(length)
  return contains({ base: ((ip & netmask(prefix)) >>> 0) as Ip4, prefix }, gateway)
}
