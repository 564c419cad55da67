/**
 * The kernel's tap device, through the addon `tap.node`.
 *
 * Guarantees: from `KernelTap.open` to `close` the device exists, is up, and has the requested MTU and MAC. It is this
 * process's own: an existing interface of that name is an error, never taken over. Every failure that can be the user's
 * fault is one sentence (`InputError`).
 */

import { accessSync, constants, readFileSync } from 'node:fs'
import { codeOf, InputError, messageOf } from '../../core/errors.ts'
import { type Ip4, type Mac, macBytes, macFromBytes } from '../../core/ip.ts'
import { addon } from '../../native/addon.ts'
import { Lanes } from '../../native/lanes.ts'
import { eachMessage, type Mailbox } from '../../native/mail.ts'
import { AGENT_MAC } from '../constants.ts'
import type { TapDevice } from './tap-device.ts'

const TUN = '/dev/net/tun'
/** Fits a 1500-byte underlay with room for every carrier's headers. */
export const DEFAULT_MTU = 1400
/** What every IPv4 host must accept (RFC 791), and what fits the addon's buffers. */
const MIN_MTU = 576
const MAX_MTU = 65_521
/** CAP_NET_ADMIN's bit in /proc/self/status (linux/capability.h). */
const CAP_NET_ADMIN = 12n

interface Opened extends Mailbox {
  readonly handle: object
  readonly mac: Uint8Array
  readonly offloads: number
}

interface Addon {
  openTap(
    lanes: object,
    name: string,
    mtu: number,
    mac: Uint8Array | undefined,
    onMail: (half: number, count: number) => void,
    onGone: (code: string) => void,
  ): Opened
  write(handle: object, frame: Uint8Array): boolean
  setCarrier(handle: object, on: boolean): void
  removeAddress(handle: object, ip: number): void
  close(handle: object): void
}

export interface TapOptions {
  /** 1 to 15 characters, no slash, blank, colon or per cent sign. */
  readonly name: string
  /** Bytes of IP payload in a frame, 576 to 65521; 1400 by default. */
  readonly mtu?: number
  /** The kernel side's MAC: unicast, locally administered. The kernel draws one if absent. */
  readonly mac?: Mac
}

/** What the kernel leaves to the tap's reader: long packets uncut, checksums unfinished. */
const OFFLOADS = ['none', 'tcp', 'tcp-udp'] as const

export class KernelTap implements TapDevice {
  readonly name: string
  readonly mac: Mac
  readonly mtu: number
  readonly offloads: (typeof OFFLOADS)[number]
  /** The tables by which packets go past JavaScript; while they are empty, all frames come here. */
  readonly lanes: Lanes
  readonly #addon: Addon
  readonly #opened: Opened
  #onFrames: (frames: readonly Uint8Array[]) => void = () => {}
  #onGone: (code: string) => void = () => {}

  /** @throws InputError `TAP_*`: see the table in `explain` */
  static open(options: TapOptions): KernelTap {
    checkTapOptions(options)
    return new KernelTap(loadAddon(), options)
  }

  private constructor(addon: Addon, options: TapOptions) {
    this.name = options.name
    this.mtu = options.mtu ?? DEFAULT_MTU
    this.#addon = addon
    const mac = options.mac === undefined ? undefined : macBytes(options.mac)
    this.lanes = new Lanes(AGENT_MAC)
    let opened: Opened
    try {
      opened = addon.openTap(
        this.lanes.handle,
        this.name,
        this.mtu,
        mac,
        (half, count) => this.#deliver(half, count),
        (code) => this.#onGone(code),
      )
    } catch (error) {
      throw explain(options.name, error)
    }
    this.#opened = opened
    this.mac = macFromBytes(opened.mac)
    this.offloads = OFFLOADS[opened.offloads] ?? 'none'
  }

  set onFrames(handler: (frames: readonly Uint8Array[]) => void) {
    this.#onFrames = handler
  }

  /** The device was deleted from outside; no more frames will come. `code` is the errno's name. */
  set onGone(handler: (code: string) => void) {
    this.#onGone = handler
  }

  write(frame: Uint8Array): boolean {
    return this.#addon.write(this.#opened.handle, frame)
  }

  setCarrier(on: boolean): void {
    this.#addon.setCarrier(this.#opened.handle, on)
  }

  removeAddress(ip: Ip4): void {
    this.#addon.removeAddress(this.#opened.handle, ip)
  }

  close(): void {
    this.#addon.close(this.#opened.handle)
  }

  #deliver(half: number, count: number): void {
    const frames: Uint8Array[] = []
    eachMessage(this.#opened, half, count, (_, frame) => frames.push(frame))
    this.#onFrames(frames)
  }
}

/**
 * Checks in advance, without side effects, whether `KernelTap.open` can work: name, MTU, MAC, /dev/net/tun, rights, and
 * that the name is free.
 *
 * @throws InputError
 */
export function checkTap(options: TapOptions): void {
  checkTapOptions(options)
  try {
    accessSync(TUN, constants.F_OK)
  } catch (error) {
    throw explain(options.name, error)
  }
  if (!hasNetAdmin()) throw noRights(options.name)
  if (interfaceExists(options.name)) throw nameTaken(options.name)
}

/** What keeps this machine from creating any tap; undefined when nothing does. */
export function tapProblem(): InputError | undefined {
  try {
    checkTap({ name: 'wow-doctor' })
    return undefined
  } catch (error) {
    if (error instanceof InputError) return error
    throw error
  }
}

function checkTapOptions({ name, mtu = DEFAULT_MTU, mac }: TapOptions): void {
  if (!/^[^\s/:%]{1,15}$/.test(name) || name === '.' || name === '..' || Buffer.byteLength(name) > 15) {
    throw new InputError(
      'TAP_NAME',
      `tap: ${JSON.stringify(name)} is no name for a network interface`,
      'Use 1 to 15 characters without blanks, slashes, colons or per cent signs, for example --tap wow0.',
    )
  }
  if (!Number.isInteger(mtu) || mtu < MIN_MTU || mtu > MAX_MTU) {
    throw new InputError(
      'TAP_MTU',
      `mtu: ${mtu} is not a whole number from ${MIN_MTU} to ${MAX_MTU}`,
      `Leave it at ${DEFAULT_MTU} unless every path between the nodes carries more.`,
    )
  }
  if (mac !== undefined && (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) || (macBytes(mac)[0]! & 1) === 1)) {
    throw new InputError('TAP_MAC', `mac: ${mac} is no unicast MAC address`, 'Write it as 02:00:00:00:00:01.')
  }
}

function explain(name: string, error: unknown): InputError {
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      return new InputError(
        'TAP_NO_TUN',
        `tap: this machine has no ${TUN}`,
        'Run `modprobe tun`; in a container, pass the device in (docker run --device /dev/net/tun --cap-add NET_ADMIN).',
      )
    case 'EPERM':
    case 'EACCES':
      return noRights(name)
    case 'EBUSY':
    case 'EEXIST':
      return nameTaken(name)
    default:
      return new InputError(
        'TAP_FAILED',
        `tap: the kernel refuses to make ${name} (${messageOf(error)})`,
        'Try another name with --tap, and see `dmesg` for the reason.',
      )
  }
}

function noRights(name: string): InputError {
  return new InputError(
    'TAP_NO_RIGHTS',
    `tap: no right to make the network interface ${name}`,
    'Run as root, or give the process CAP_NET_ADMIN; a node without a namespace needs neither.',
  )
}

function nameTaken(name: string): InputError {
  return new InputError(
    'TAP_NAME_TAKEN',
    `tap: a network interface named ${name} already exists`,
    `Choose another name with --tap, or stop whoever uses it (\`ip link show ${name}\`; \`ip link delete ${name}\`).`,
  )
}

function hasNetAdmin(): boolean {
  try {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    return effective === undefined || ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n
  } catch {
    return true // No /proc to ask: let the kernel answer at open.
  }
}

/** Reads /proc/net, which follows the process into its network namespace; a /sys mounted elsewhere does not. */
function interfaceExists(name: string): boolean {
  try {
    return readFileSync('/proc/net/dev', 'utf8')
      .split('\n')
      .some((line) => line.trimStart().startsWith(`${name}:`))
  } catch {
    return false
  }
}

/** @throws InputError */
function loadAddon(): Addon {
  try {
    return addon<Addon>()
  } catch (error) {
    if (codeOf(error) === 'ADDON_MISSING') {
      throw new InputError(
        'TAP_NO_ADDON',
        `tap: ${messageOf(error)}`,
        'In a checkout run `node scripts/build-addon.mjs`; in an appliance reinstall the wow package.',
      )
    }
    throw new InputError(
      'TAP_BAD_ADDON',
      `tap: the addon does not load (${messageOf(error).split('\n')[0]})`,
      'It was built for another machine or Node: run `node scripts/build-addon.mjs --force`.',
    )
  }
}
