/** Everything that can be known to fail before anything is written or opened, each with the field and the remedy. */

import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { InputError } from '../core/errors.ts'
import { checkOverlap, localNetworks } from '../namespace/pool.ts'
import type { SignedRecord } from '../namespace/record.ts'

const TUN = '/dev/net/tun'
/** capability(7): bit 12. */
const CAP_NET_ADMIN = 1n << 12n

/** @throws InputError when a tap of that name cannot be made here, or the namespace's pool overlaps a route. */
export function checkTap(name: string, signed: SignedRecord): void {
  if (!existsSync(TUN)) {
    throw new InputError(
      'TUN_MISSING',
      `The device ${TUN} is missing, so no tap can be made.`,
      'Load it with `modprobe tun`, or pass it into the container with --device.',
    )
  }
  if (!mayAdministerNetworks()) {
    throw new InputError(
      'NOT_ROOT',
      `The tap ${name} needs root or CAP_NET_ADMIN.`,
      'Run with sudo; without --token the agent needs no tap and no root.',
    )
  }
  if (existsSync(`/sys/class/net/${name}`)) {
    throw new InputError(
      'TAP_TAKEN',
      `The tap name ${name} is taken by another device.`,
      'Give another one with --tap NAME, or stop the agent that has it.',
    )
  }
  checkOverlap(
    signed.record.pool,
    localNetworks((device) => device === name),
  )
}

/** The checks of `checkTap` one by one, for `wow doctor`. */
export function tunProblem(): string | undefined {
  if (!existsSync(TUN)) return `${TUN} is missing`
  try {
    accessSync(TUN, constants.R_OK | constants.W_OK)
  } catch {
    return `${TUN} may not be opened`
  }
  return mayAdministerNetworks() ? undefined : 'neither root nor CAP_NET_ADMIN'
}

function mayAdministerNetworks(): boolean {
  try {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    return effective !== undefined && (BigInt(`0x${effective}`) & CAP_NET_ADMIN) !== 0n
  } catch {
    return process.getuid?.() === 0
  }
}

/** @throws InputError that names the option and the address. */
export async function checkMultiaddrs(addresses: Readonly<Record<string, readonly string[]>>): Promise<void> {
  const { multiaddr } = await import('@multiformats/multiaddr')
  for (const [option, texts] of Object.entries(addresses)) {
    for (const text of texts) {
      try {
        if (text === '') throw new Error('it is empty')
        multiaddr(text)
      } catch {
        throw new InputError(
          'ADDRESS_INVALID',
          `The ${option} address ${JSON.stringify(text)} is not a multiaddr.`,
          'Write one such as /ip4/203.0.113.7/tcp/4001 or /dns4/host.example.org/tcp/4001.',
        )
      }
    }
  }
}
