/** A DHCP server over leases in memory and virtual time, and a client that talks to it message by message. */

import assert from 'node:assert/strict'
import { Counters } from '../../agent/core/counters.ts'
import { type Ip4, ip4FromBytes, type Mac, macFromBytes } from '../../agent/core/ip.ts'
import { SILENT } from '../../agent/core/log.ts'
import { encodeIp, OPTION } from '../../agent/dhcp/options.ts'
import { type DhcpPacket, encodeDhcp, type MessageType, parseDhcp } from '../../agent/dhcp/packet.ts'
import { type Bound, DhcpServer } from '../../agent/dhcp/server.ts'
import { deriveKeys } from '../../agent/namespace/keys.ts'
import { AGENT_MAC } from '../../agent/net/constants.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { destinationOf, openIpv4, sourceOf } from '../../agent/packet/ipv4.ts'
import { openUdp } from '../../agent/packet/udp.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { MemoryDht, MemoryLeases } from '../net/doubles.ts'
import { ip, POOL } from '../net/lab.ts'

/** Of the client, if nothing else is said. */
export const MAC = '02:aa:00:00:00:01' as Mac
export const SERVER = ip('10.128.0.1')
export const NONE = 0 as Ip4

/** What the server sent, and to whom. */
export interface Answer {
  readonly packet: DhcpPacket
  readonly toMac: Mac
  readonly to: Ip4
}

/** What a frame from the server says. Any other frame fails the test. */
export function readFrame(frame: Uint8Array): Answer {
  const packet = openIpv4(frame.subarray(14))
  if (typeof packet === 'string') throw new Error(packet)
  const payload = openUdp(packet)
  if (typeof payload === 'string') throw new Error(payload)
  const dhcp = parseDhcp(payload)
  if (typeof dhcp === 'string') throw new Error(dhcp)
  assert.equal(sourceOf(packet), SERVER)
  assert.equal(macFromBytes(frame, 6), AGENT_MAC)
  return { packet: dhcp, toMac: macFromBytes(frame, 0), to: destinationOf(packet) }
}

/** An option of two or four bytes as a number. */
export function option(answer: Answer | undefined, code: number): number | undefined {
  const value = answer?.packet.options.get(code)
  if (value === undefined) return undefined
  return value.length === 4 ? ip4FromBytes(value) : value.length === 2 ? (value[0]! << 8) | value[1]! : undefined
}

/** What a message says besides its type; nothing else is in it. */
export interface Fields {
  readonly xid?: number
  readonly ciaddr?: Ip4
  readonly mac?: Mac
  readonly broadcast?: boolean
  readonly giaddr?: Ip4
  readonly requested?: Ip4
  readonly server?: Ip4
  readonly clientId?: Uint8Array
}

/** A message of a client, as it is in UDP. */
export function message(type: MessageType, fields: Fields = {}) {
  const options = new Map<number, Uint8Array>()
  if (fields.requested !== undefined) options.set(OPTION.requestedAddress, encodeIp(fields.requested))
  if (fields.server !== undefined) options.set(OPTION.serverId, encodeIp(fields.server))
  if (fields.clientId !== undefined) options.set(OPTION.clientId, fields.clientId)
  return encodeDhcp({
    op: 'request',
    type,
    xid: fields.xid ?? 1,
    secs: 0,
    broadcast: fields.broadcast ?? false,
    ciaddr: fields.ciaddr ?? NONE,
    yiaddr: NONE,
    siaddr: NONE,
    giaddr: fields.giaddr ?? NONE,
    chaddr: fields.mac ?? MAC,
    options,
  })
}

/** A server whose ring is ready, nothing leased yet. `bind` has the client get an address. */
export function setUp(options: { ready?: boolean; leaseMs?: number } = {}) {
  const clock = new VirtualClock()
  const random = new SeededRandom(3)
  const dht = new MemoryDht(clock)
  const taken = new Map<Ip4, string>()
  const keys = deriveKeys('ns', new Uint8Array(32))
  const leaseMs = options.leaseMs ?? 3_600_000
  const leases = new MemoryLeases({ dht, self: toAddress(5n), keys, clock, random, pool: POOL, taken, leaseMs })
  const counters = new Counters()
  const answers: Answer[] = []
  const bound: Bound[] = []
  const server = new DhcpServer({
    leases,
    facts: { server: SERVER, serverMac: AGENT_MAC, pool: POOL, mtu: 1400, domain: 'lab.wow' },
    leaseMs,
    clock,
    counters,
    log: SILENT,
    send: (frame) => answers.push(readFrame(frame)),
  })
  server.onBound = (event) => bound.push(event)
  server.setReady(options.ready ?? true)
  /** Sends one message and gives what came back within a while. */
  const say = async (type: MessageType, fields?: Fields): Promise<Answer | undefined> => {
    const before = answers.length
    server.receive(message(type, fields))
    await clock.runFor(10)
    return answers.length > before ? answers.at(-1) : undefined
  }
  const bind = async (fields: Fields = {}): Promise<Ip4> => {
    const offer = await say('discover', fields)
    const address = offer?.packet.yiaddr
    assert.ok(address !== undefined)
    const ack = await say('request', { ...fields, requested: address, server: SERVER })
    assert.equal(ack?.packet.type, 'ack')
    return address
  }
  return { clock, dht, leases, taken, counters, answers, bound, server, say, bind }
}
