/**
 * Has the router let others in at this node's port: asks for it in the background, renews it, asks again when the router has
 * started anew, asks another router after a move, and gives it back at the end.
 *
 * PCP comes first, then NAT-PMP, then UPnP. A router that says that its owner does not want it is not asked by another way. Where no
 * way works, all is quiet for `AGAIN_MS` or more.
 */

import type { Clock, Timer } from '../../core/clock.ts'
import type { Counters } from '../../core/counters.ts'
import { withDeadline } from '../../core/deadline.ts'
import { messageOf } from '../../core/errors.ts'
import { formatIp4, type Ip4 } from '../../core/ip.ts'
import type { Log } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import type { Carrier } from '../../overlay/link.ts'
import type { UdpEndpoint } from '../../underlay/datagrams.ts'
import { ipOf, udpEndpoint } from '../../underlay/udp-endpoint.ts'
import { Announcements } from './announcements.ts'
import {
  AGAIN_MS,
  ANNOUNCED_SPREAD_MS,
  LEAST_RENEWAL_MS,
  LIFETIME_S,
  RELEASE_LIMIT_MS,
  UPLINK_PERIOD_MS,
} from './constants.ts'
import { PortControl, type WayParts } from './port-control.ts'
import { Upnp } from './upnp.ts'
import {
  type Grant,
  MappingError,
  type MappingNet,
  type MappingProtocol,
  type MappingWay,
  type Uplink,
} from './ways.ts'

export interface PortMappingParts {
  readonly net: MappingNet
  /** The router now; undefined: none that has to be asked. */
  readonly uplink: () => Uplink | undefined
  /** Of this node, over UDP and TCP. */
  readonly port: number
  /** Only this node knows it, and it is the same after a restart. */
  readonly secret: Uint8Array
  /** Whether an address that a router names may be told to others. */
  readonly admits: (ip: Ip4) => boolean
  /** Where others get in now; undefined: nowhere any more. */
  readonly onChange: (mapped: Mapped | undefined) => void
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly counters: Counters
}

/** Where a router lets others in. */
export interface Mapped {
  readonly udp: UdpEndpoint
  /** undefined: not over TCP. */
  readonly tcp: UdpEndpoint | undefined
}

export interface MappingFacts extends Mapped {
  readonly protocol: MappingProtocol
  /** Until the mapping ends, if it is not renewed. */
  readonly expiresInS: number
}

interface Held {
  readonly way: MappingWay
  readonly udp: Grant
  readonly tcp: Grant | undefined
  readonly expiresAt: number
}

export class PortMapping {
  readonly #parts: PortMappingParts
  /** To the router that was asked last. */
  #uplink: Uplink | undefined
  readonly #announcements: Announcements
  #held: Held | undefined
  #told: Mapped | undefined
  #round = new AbortController()
  #watch: Timer | undefined
  #next: Timer | undefined
  #stopped: Promise<void> | undefined

  constructor(parts: PortMappingParts) {
    this.#parts = parts
    this.#announcements = new Announcements({
      ...parts,
      isRouter: (from) => this.#uplink !== undefined && ipOf(from) === formatIp4(this.#uplink.gateway),
      onAnnounced: () => this.#askSoon(),
    })
  }

  start(): void {
    const look = () => {
      this.#watch = this.#parts.clock.after(UPLINK_PERIOD_MS, look)
      const uplink = this.#parts.uplink()
      if (isSame(uplink, this.#uplink)) return
      this.#uplink = uplink
      // What the former router holds ends by itself: it would not hear of it from this address.
      this.#abandon()
      if (uplink === undefined) return this.#announcements.stop()
      this.#announcements.start()
      void this.#ask(uplink, true)
    }
    look()
  }

  facts(): MappingFacts | undefined {
    if (this.#held === undefined || this.#told === undefined) return undefined
    const { way, expiresAt } = this.#held
    const expiresInS = Math.max(0, Math.round((expiresAt - this.#parts.clock.now()) / 1000))
    return { ...this.#told, protocol: way.protocol, expiresInS }
  }

  counters(): Readonly<Record<string, number>> {
    return this.#parts.counters.snapshot()
  }

  /** Gives the mapping back. Takes `RELEASE_LIMIT_MS` at most. */
  stop(): Promise<void> {
    this.#stopped ??= this.#release()
    return this.#stopped
  }

  async #release(): Promise<void> {
    this.#watch?.cancel()
    this.#announcements.stop()
    this.#next?.cancel()
    this.#round.abort(new Error('the node stops'))
    const { clock, log } = this.#parts
    const held = this.#held
    this.#held = undefined
    if (held === undefined) return
    const late = new MappingError('silent', 'the router is slow')
    try {
      await withDeadline({ clock, limitMs: RELEASE_LIMIT_MS, signals: [], late }, async (signal) => {
        for (const carrier of ['udp', 'tcp'] as const) {
          const grant = held[carrier]
          if (grant !== undefined) await held.way.unmap(this.#wish(carrier, grant), signal)
        }
      })
    } catch (error) {
      log.info('the router was not told that its port is free again', { reason: messageOf(error) })
    } finally {
      held.way.close()
    }
  }

  #abandon(): void {
    this.#next?.cancel()
    this.#round.abort(new Error('the way to the router changed'))
    this.#held?.way.close()
    this.#held = undefined
    this.#tell()
  }

  /** Asks the router again, although nothing is due. */
  #askSoon(): void {
    const { clock, random } = this.#parts
    this.#next?.cancel()
    this.#next = clock.after(random.float() * ANNOUNCED_SPREAD_MS, () => {
      this.#round.abort(new Error('the router is asked anew'))
      if (this.#uplink !== undefined) void this.#ask(this.#uplink, false)
    })
  }

  /** Asks for the mapping, or for it to go on, and sees to it that this is done again in time. */
  async #ask(uplink: Uplink, isFirst: boolean): Promise<void> {
    const { clock, random, log, counters } = this.#parts
    this.#round = new AbortController()
    const { signal } = this.#round
    const again = (delayMs: number) => {
      this.#next = clock.after(delayMs, () => void this.#ask(uplink, false))
    }
    try {
      await this.#throughAny(uplink, signal)
      signal.throwIfAborted()
      const leftMs = this.#held!.expiresAt - clock.now()
      again(Math.max(LEAST_RENEWAL_MS, leftMs / 2))
      counters.add('mapped')
      this.#tell()
    } catch (error) {
      if (signal.aborted) return
      counters.add('failed')
      if (isFirst) log.info('the router maps no port', { reason: messageOf(error) })
      const leftMs = (this.#held?.expiresAt ?? 0) - clock.now()
      if (leftMs <= 0) this.#abandon()
      const forMs = error instanceof MappingError ? Math.min(error.forS, LIFETIME_S) * 1000 : 0
      const pauseMs = Math.max(forMs, AGAIN_MS * (1 + random.float()))
      again(leftMs > 0 ? Math.max(LEAST_RENEWAL_MS, Math.min(pauseMs, leftMs)) : pauseMs)
    }
  }

  /** Through the way that worked last, else through the first that works. @throws the most telling error, or the signal's reason */
  async #throughAny(uplink: Uplink, signal: AbortSignal): Promise<void> {
    const parts: WayParts = { ...this.#parts, uplink }
    const openers = [() => PortControl.open(parts), () => new Upnp(parts)]
    const before = this.#held?.way
    const failures: unknown[] = []
    for (const open of before === undefined ? openers : [() => before, ...openers]) {
      let way: MappingWay | undefined
      try {
        way = await open()
        signal.throwIfAborted()
        await this.#through(way, signal)
        if (before !== undefined && before !== way) before.close()
        return
      } catch (error) {
        if (way !== undefined && way !== this.#held?.way && way !== before) way.close()
        signal.throwIfAborted()
        this.#parts.log.debug('no port mapping', { protocol: way?.protocol, reason: messageOf(error) })
        failures.push(error)
        if (error instanceof MappingError && error.failure === 'forbidden') break
      }
    }
    throw failures.find(isAnswer) ?? failures.at(-1)
  }

  /** @throws MappingError, or the signal's reason */
  async #through(way: MappingWay, signal: AbortSignal): Promise<void> {
    const { clock, admits } = this.#parts
    const former = this.#held
    const udp = await way.map(this.#wish('udp', former?.udp), signal)
    if (!admits(udp.ip)) throw new MappingError('refused', `${formatIp4(udp.ip)} is no address of a router`)
    const expiresAt = clock.now() + Math.min(udp.lifetimeS, LIFETIME_S) * 1000
    // Held from now on, so that it is given back when the node stops meanwhile.
    this.#held = { way, udp, tcp: former?.tcp, expiresAt }
    // One number names a node over both.
    const tcp = await way.map(this.#wish('tcp', former?.tcp ?? udp), signal).catch((error: unknown) => {
      signal.throwIfAborted()
      this.#parts.log.debug('no port mapping over TCP', { reason: messageOf(error) })
      return undefined
    })
    this.#held = { way, udp, tcp, expiresAt }
  }

  #wish(carrier: Carrier, { ip, port }: Partial<Grant> = {}) {
    const outerPort = port ?? this.#parts.port
    return { carrier, port: this.#parts.port, outerPort, ...(ip !== undefined && { outerIp: ip }) }
  }

  /** Says where others get in, if that is news. */
  #tell(): void {
    const { log, onChange } = this.#parts
    const [udp, tcp] = [endpointOf(this.#held?.udp), endpointOf(this.#held?.tcp)]
    if (udp === this.#told?.udp && tcp === this.#told?.tcp) return
    this.#told = udp === undefined ? undefined : { udp, tcp }
    if (udp === undefined) log.info('the router lets nobody in any more')
    else log.info('the router lets others in', { protocol: this.#held?.way.protocol, udp, tcp })
    onChange(this.#told)
  }
}

function endpointOf(grant: Grant | undefined): UdpEndpoint | undefined {
  return grant && udpEndpoint(formatIp4(grant.ip), grant.port)
}

function isSame(a: Uplink | undefined, b: Uplink | undefined): boolean {
  return a?.device === b?.device && a?.gateway === b?.gateway && a?.own === b?.own
}

/** The router spoke, and said no. */
function isAnswer(error: unknown): boolean {
  return error instanceof MappingError && (error.failure === 'refused' || error.failure === 'forbidden')
}
