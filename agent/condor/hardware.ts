/** The machine's hardware, from systeminformation: slow (seconds on a small machine), so it is read late. */

import type { Hardware } from './configuration.ts'

export interface Power {
  readonly hasBattery: boolean
  readonly onBattery: boolean
}

export async function askHardware(): Promise<Hardware> {
  const { default: system } = await import('systeminformation')
  const [machine, { hasBattery }] = await Promise.all([system.system(), askPower()])
  const hypervisor = machine.virtual === true ? machine.virtualHost || 'unknown' : 'none'
  return { hypervisor, model: machine.model || undefined, hasBattery }
}

export async function askPower(): Promise<Power> {
  const { default: system } = await import('systeminformation')
  const { hasBattery, acConnected } = await system.battery()
  return { hasBattery, onBattery: hasBattery && !acConnected }
}
