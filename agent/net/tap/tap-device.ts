/**
 * The tap as the switch sees it: whole Ethernet frames in both directions, in batches.
 *
 * `KernelTap` (the addon) is the real one; tests may pass frames in directly.
 */

import type { Ip4, Mac } from '../../core/ip.ts'

export interface TapDevice {
  readonly name: string
  /** The MAC of the tap's kernel side. */
  readonly mac: Mac
  /** Bytes of IP payload in one frame. */
  readonly mtu: number
  /** Frames that the kernel sent; a batch's frames are valid only during the call. */
  set onFrames(handler: (frames: readonly Uint8Array[]) => void)
  /** Gives one frame to the kernel; false when its queue is full. */
  write(frame: Uint8Array): boolean
  /** Carrier off makes DHCP clients drop or recheck their lease; carrier on wakes them. */
  setCarrier(on: boolean): void
  /** Removes an address from the kernel's side, if it is there, so that this machine no longer sends from it. */
  removeAddress(ip: Ip4): void
  close(): void
}
