/**
 * Keeps the frames that a DHCP client sends between the tap's creation and the start of the network that answers on it.
 *
 * A client that saw the tap come up sends its DISCOVER at once and the next one seconds later: dropping the first would
 * cost more than the whole boot.
 */

import type { Ip4, Mac } from '../../core/ip.ts'
import type { TapDevice } from './tap-device.ts'

/** More than a client sends in a second; the rest is noise such as IPv6 router solicitations. */
const MAX_KEPT = 64

export class EarlyTap implements TapDevice {
  readonly #tap: TapDevice
  #kept: Uint8Array[] | undefined = []

  constructor(tap: TapDevice) {
    this.#tap = tap
    tap.onFrames = (frames) => {
      for (const frame of frames) {
        if (this.#kept !== undefined && this.#kept.length < MAX_KEPT) this.#kept.push(frame.slice())
      }
    }
  }

  get name(): string {
    return this.#tap.name
  }

  get mac(): Mac {
    return this.#tap.mac
  }

  get mtu(): number {
    return this.#tap.mtu
  }

  /** Hands the kept frames to `handler` first; from then on frames go straight to it. */
  set onFrames(handler: (frames: readonly Uint8Array[]) => void) {
    this.#tap.onFrames = handler
    const kept = this.#kept ?? []
    this.#kept = undefined
    if (kept.length > 0) handler(kept)
  }

  write(frame: Uint8Array): boolean {
    return this.#tap.write(frame)
  }

  setCarrier(on: boolean): void {
    this.#tap.setCarrier(on)
  }

  removeAddress(ip: Ip4): void {
    this.#tap.removeAddress(ip)
  }

  close(): void {
    this.#tap.close()
  }
}
