/** Frames from the agent to the tap: packets for an address on this tap, and the agent's own answers. */

import type { Counters } from '../../core/counters.ts'
import { type Mac, macBytes } from '../../core/ip.ts'
import { ETHERNET_HEADER, ETHERTYPE_IPV4, writeEthernet } from '../../packet/ethernet.ts'
import type { TapDevice } from './tap-device.ts'

export class TapWriter {
  readonly #tap: TapDevice
  readonly #counters: Counters
  readonly #frame: Uint8Array
  readonly #agentMac: Uint8Array
  #lastMac: Mac | undefined
  #lastMacBytes: Uint8Array = new Uint8Array(6)

  constructor(parts: { tap: TapDevice; counters: Counters; mac: Mac }) {
    this.#tap = parts.tap
    this.#counters = parts.counters
    this.#agentMac = macBytes(parts.mac)
    this.#frame = new Uint8Array(ETHERNET_HEADER + 65_535)
  }

  /** Writes one IP packet in a frame from the agent to `to`. */
  packet(to: Mac, packet: Uint8Array): void {
    if (to !== this.#lastMac) {
      this.#lastMac = to
      this.#lastMacBytes = macBytes(to)
    }
    writeEthernet(this.#frame, this.#lastMacBytes, this.#agentMac, ETHERTYPE_IPV4)
    this.#frame.set(packet, ETHERNET_HEADER)
    this.frame(this.#frame.subarray(0, ETHERNET_HEADER + packet.length))
  }

  frame(frame: Uint8Array): void {
    if (this.#tap.write(frame)) this.#counters.add('tap-frames-out')
    else this.#counters.drop('tap-full')
  }
}
