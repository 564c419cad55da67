/**
 * What this machine is.
 *
 * `machineFingerprint` tells a copied disk from the original machine's (docs/appliance.md: a copy is a new node). It
 * reads the two sources that systeminformation's `uuid` reads, but directly: that library and its shell take 400 ms to
 * load, too long before the first lease. `machineFacts` asks systeminformation once the node is up.
 */

import { readFileSync } from 'node:fs'

/** Shown by `wow status`; null: the machine does not say. */
export interface MachineFacts {
  readonly hostname: string | null
  readonly os: string | null
  readonly kernel: string | null
  readonly arch: string | null
  readonly cpu: string | null
  readonly cores: number | null
  readonly memoryBytes: number | null
  readonly virtual: string | null
}

/** Some vendors give every machine one of these. */
const MEANINGLESS_UUIDS = new Set(['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'])

/** `os:<machine-id> hardware:<DMI UUID>`, or only one of the two; null when the machine gives neither. */
export function machineFingerprint(root = '/'): string | null {
  const machineId = readWord(`${root}etc/machine-id`) ?? readWord(`${root}var/lib/dbus/machine-id`)
  const uuid = readWord(`${root}sys/class/dmi/id/product_uuid`)
  const parts: string[] = []
  if (machineId !== undefined && /^[0-9a-f]{32}$/.test(machineId)) parts.push(`os:${machineId}`)
  if (uuid !== undefined && !MEANINGLESS_UUIDS.has(uuid)) parts.push(`hardware:${uuid}`)
  return parts.length > 0 ? parts.join(' ') : null
}

function readWord(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim().toLowerCase()
    return text === '' ? undefined : text
  } catch {
    return undefined // Absent in containers; only root may read the DMI UUID.
  }
}

/** Slow (a second on a small machine): do not call it before the node is up. */
export async function machineFacts(): Promise<MachineFacts> {
  const { default: system } = await import('systeminformation')
  const [os, cpu, memory, hardware] = await Promise.all([system.osInfo(), system.cpu(), system.mem(), system.system()])
  return {
    hostname: os.hostname || null,
    os: `${os.distro} ${os.release}`.trim() || null,
    kernel: os.kernel || null,
    arch: os.arch || null,
    cpu: `${cpu.manufacturer} ${cpu.brand}`.trim() || null,
    cores: cpu.cores || null,
    memoryBytes: memory.total || null,
    virtual: hardware.virtual === true ? hardware.virtualHost || hardware.model || 'yes' : null,
  }
}
