import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
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
import { ip, Lab, POOL } from '../net/lab.ts'
import { udpFrame } from '../packet/frames.ts'

const MAC = '02:aa:00:00:00:01' as Mac
const SERVER = ip('10.128.0.1')
const NONE = 0 as Ip4

interface Answer {
  readonly packet: DhcpPacket
  readonly toMac: Mac
  readonly to: Ip4
}

function readFrame(frame: Uint8Array): Answer {
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

function option(answer: Answer | undefined, code: number): number | undefined {
  const value = answer?.packet.options.get(code)
  if (value === undefined) return undefined
  return value.length === 4 ? ip4FromBytes(value) : value.length === 2 ? (value[0]! << 8) | value[1]! : undefined
}

interface Fields {
  readonly xid?: number
  readonly ciaddr?: Ip4
  readonly mac?: Mac
  readonly broadcast?: boolean
  readonly giaddr?: Ip4
  readonly requested?: Ip4
  readonly server?: Ip4
  readonly clientId?: Uint8Array
}

function message(type: MessageType, fields: Fields = {}) {
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

function setUp(options: { ready?: boolean; leaseMs?: number } = {}) {
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

describe('a client without an address', () => {
  test('is offered one, and gets it with the times and facts of the network', async () => {
    const { say, bound } = setUp()
    const offer = await say('discover', { xid: 77 })
    assert.equal(offer?.packet.type, 'offer')
    assert.equal(offer.packet.xid, 77)
    assert.equal(option(offer, OPTION.serverId), SERVER)
    const address = offer.packet.yiaddr
    const ack = await say('request', { requested: address, server: SERVER })
    assert.equal(ack?.packet.type, 'ack')
    assert.equal(ack.packet.yiaddr, address)
    assert.equal(option(ack, OPTION.leaseTime), 3600)
    assert.equal(option(ack, OPTION.renewalTime), 1800)
    assert.equal(option(ack, OPTION.rebindingTime), 3150)
    assert.equal(option(ack, OPTION.subnetMask), ip('255.255.0.0'))
    assert.equal(option(ack, OPTION.broadcastAddress), ip('10.128.255.255'))
    assert.equal(option(ack, OPTION.interfaceMtu), 1400)
    assert.equal(Buffer.from(ack.packet.options.get(OPTION.domainName) ?? []).toString(), 'lab.wow')
    assert.deepEqual(
      [3, 6, 33, 121].filter((code) => ack.packet.options.has(code)),
      [],
      'no router, no DNS, no routes',
    )
    assert.deepEqual(
      bound.map(({ lease, tried, renewal }) => [lease.ip, tried, renewal]),
      [[address, 1, false]],
    )
  })

  test('is answered at its MAC, or by broadcast if it asks for that', async () => {
    const { say } = setUp()
    const direct = await say('discover')
    assert.deepEqual([direct?.toMac, direct?.to], [MAC, direct?.packet.yiaddr])
    const wide = await say('discover', { xid: 2, broadcast: true })
    assert.deepEqual([wide?.toMac, wide?.to], ['ff:ff:ff:ff:ff:ff', 0xffffffff])
  })

  test('gets its former address again, and one that it asks for when it is free', async () => {
    const { say, bind } = setUp()
    assert.equal((await say('discover', { requested: ip('10.128.7.7') }))?.packet.yiaddr, ip('10.128.7.7'))
    const address = await bind({ xid: 5 })
    assert.equal(address, ip('10.128.7.7'))
    assert.equal((await say('discover', { xid: 9 }))?.packet.yiaddr, address)
  })

  test('is never offered a reserved address, even when it asks for one', async () => {
    const { say } = setUp()
    for (const wanted of ['10.128.0.0', '10.128.0.1', '10.128.255.255', '192.168.0.9']) {
      const offer = await say('discover', { xid: ip(wanted), requested: ip(wanted) })
      assert.notEqual(offer?.packet.yiaddr, ip(wanted))
    }
  })

  test('that shares a MAC but not an identifier gets an address of its own, and its identifier back', async () => {
    const { bind, say } = setUp()
    const one = await bind({ clientId: Uint8Array.of(0, 1) })
    const two = await bind({ clientId: Uint8Array.of(0, 2) })
    assert.notEqual(one, two)
    const offer = await say('discover', { xid: 3, clientId: Uint8Array.of(0, 1) })
    assert.deepEqual([...(offer?.packet.options.get(OPTION.clientId) ?? [])], [0, 1])
    assert.equal(offer?.packet.yiaddr, one)
  })

  test('gets silence, and the user a reason, when the pool is exhausted', async () => {
    const { say, leases, server, clock } = setUp()
    leases.failure = 'pool-exhausted'
    assert.equal(await say('discover'), undefined)
    assert.equal(server.problem, 'pool-exhausted')
    leases.failure = undefined
    await say('discover', { xid: 2 })
    await clock.runFor(10)
    assert.equal(server.problem, undefined)
  })

  test('that found the pool exhausted is answered without asking again when a lease has ended', async () => {
    const { leases, server, clock, answers } = setUp()
    leases.failure = 'pool-exhausted'
    server.receive(message('discover', { xid: 5 }))
    await clock.runFor(10_000)
    assert.equal(answers.length, 0)
    leases.failure = undefined
    await clock.runFor(2_100)
    assert.deepEqual(
      answers.map(({ packet }) => [packet.type, packet.xid]),
      [['offer', 5]],
    )
    assert.equal(server.problem, undefined)
  })

  test('that found the pool exhausted and gave up gets no late answer', async () => {
    const { leases, server, clock, answers } = setUp()
    leases.failure = 'pool-exhausted'
    server.receive(message('discover'))
    await clock.runFor(70_000)
    leases.failure = undefined
    await clock.runFor(70_000)
    assert.equal(answers.length, 0)
  })

  test('is answered although the DHT has no majority at first', async () => {
    const { clock, leases, server, answers } = setUp()
    leases.failure = 'unavailable'
    server.receive(message('discover'))
    await clock.runFor(500)
    assert.equal(answers.length, 0)
    leases.failure = undefined
    await clock.runFor(3000)
    assert.equal(answers.length, 1)
  })

  test('that takes the offer of another server gives ours back', async () => {
    const { say, leases } = setUp()
    const offer = await say('discover')
    assert.equal(await say('request', { requested: ip('10.9.9.9'), server: ip('10.9.9.1') }), undefined)
    assert.equal(leases.holder(offer?.packet.yiaddr ?? NONE), undefined)
  })

  test('is refused when its offer was lost in the meantime, so that it starts over', async () => {
    const { say, taken } = setUp()
    const address = (await say('discover'))?.packet.yiaddr ?? NONE
    taken.set(address, 'another node')
    const answer = await say('request', { requested: address, server: SERVER })
    assert.equal(answer?.packet.type, 'nak')
    assert.deepEqual([answer.toMac, answer.to, answer.packet.broadcast], ['ff:ff:ff:ff:ff:ff', 0xffffffff, true])
  })
})

describe('a client that comes back', () => {
  test('after a reboot keeps its address', async () => {
    const { say, bind } = setUp()
    const address = await bind()
    const answer = await say('request', { xid: 4, requested: address })
    assert.deepEqual([answer?.packet.type, answer?.packet.yiaddr], ['ack', address])
  })

  test('from another network, or to an address that somebody else took, is refused', async () => {
    const { say, taken } = setUp()
    assert.equal((await say('request', { requested: ip('192.168.1.4') }))?.packet.type, 'nak')
    taken.set(ip('10.128.3.3'), 'another node')
    assert.equal((await say('request', { xid: 2, requested: ip('10.128.3.3') }))?.packet.type, 'nak')
  })
})

describe('a client that renews', () => {
  test('is answered at its address, for no longer than the DHT granted', async () => {
    const { say, bind, clock, leases, bound } = setUp()
    const address = await bind()
    await clock.runFor(1_800_000)
    const answer = await say('request', { xid: 8, ciaddr: address })
    assert.equal(answer?.packet.type, 'ack')
    assert.deepEqual([answer.toMac, answer.to, answer.packet.ciaddr], [MAC, address, address])
    const left = ((leases.holder(address)?.expiresAt ?? 0) - clock.now()) / 1000
    assert.ok((option(answer, OPTION.leaseTime) ?? Infinity) <= left + 0.02)
    assert.equal(bound.at(-1)?.renewal, true)
  })

  test('gets silence while nobody can say whose the address is, and an answer when it asks again later', async () => {
    const { say, bind, clock, leases, answers } = setUp()
    const address = await bind()
    leases.failure = 'unavailable'
    const before = answers.length
    await say('request', { xid: 8, ciaddr: address })
    await clock.runFor(60_000)
    assert.equal(answers.length, before)
    leases.failure = undefined
    assert.equal((await say('request', { xid: 9, ciaddr: address }))?.packet.type, 'ack')
  })

  test('is refused when another node holds the address', async () => {
    const { say, bind, taken } = setUp()
    const address = await bind()
    taken.set(address, 'another node')
    assert.equal((await say('request', { xid: 8, ciaddr: address }))?.packet.type, 'nak')
  })

  test('is refused once after the lease was lost, whatever the DHT would say now', async () => {
    const { say, bind, leases, server } = setUp()
    const address = await bind()
    const lease = leases.holder(address)
    assert.ok(lease)
    server.leaseLost(lease)
    assert.equal((await say('request', { xid: 8, ciaddr: address }))?.packet.type, 'nak')
    assert.equal((await say('request', { xid: 9, ciaddr: address }))?.packet.type, 'ack')
  })
})

describe('a client that leaves', () => {
  test('gives its address back with RELEASE, without an answer', async () => {
    const { say, bind, leases } = setUp()
    const address = await bind()
    assert.equal(await say('release', { xid: 2, ciaddr: address, server: SERVER }), undefined)
    assert.equal(leases.holder(address), undefined)
  })

  test('that found the address in use is not given it again after DECLINE', async () => {
    const { say, bind } = setUp()
    const address = await bind()
    assert.equal(await say('decline', { xid: 2, requested: address, server: SERVER }), undefined)
    assert.notEqual(await bind({ xid: 3 }), address)
  })
})

test('INFORM is answered with the facts of the network and neither address nor times', async () => {
  const { say } = setUp({ ready: false })
  const answer = await say('inform', { ciaddr: ip('10.128.4.4') })
  assert.equal(answer?.packet.type, 'ack')
  assert.equal(answer.packet.yiaddr, 0)
  assert.equal(answer.to, ip('10.128.4.4'))
  assert.equal(option(answer, OPTION.leaseTime), undefined)
  assert.equal(option(answer, OPTION.interfaceMtu), 1400)
})

describe('messages that come', () => {
  test('before the ring is ready wait, the latest of each client, and are answered at once then', async () => {
    const { clock, server, answers, leases } = setUp({ ready: false })
    const second = '02:aa:00:00:00:02' as Mac
    server.receive(message('discover', { xid: 1 }))
    server.receive(message('discover', { xid: 2 }))
    server.receive(message('discover', { xid: 3, mac: second }))
    await clock.runFor(10_000)
    assert.deepEqual(leases.calls, [])
    server.setReady(true)
    await clock.runFor(1)
    assert.deepEqual(
      answers.map(({ packet, toMac }) => [packet.xid, toMac]),
      [
        [2, MAC],
        [3, second],
      ],
    )
  })

  test('twice while the first is in work are worked once', async () => {
    const { clock, server, answers, leases } = setUp()
    leases.delayMs = 300
    for (let i = 0; i < 4; i++) {
      server.receive(message('discover', { xid: 6 }))
      await clock.runFor(50)
    }
    await clock.runFor(5000)
    assert.equal(answers.length, 1)
    assert.deepEqual(leases.calls, ['offer'])
  })

  test('while another of the same client is in work follow it, the latest only', async () => {
    const { clock, server, answers, leases } = setUp()
    leases.delayMs = 300
    for (const xid of [1, 2, 3]) server.receive(message('discover', { xid }))
    await clock.runFor(5000)
    assert.deepEqual(
      answers.map(({ packet }) => packet.xid),
      [1, 3],
    )
  })

  test('from a relay, from a server, or malformed are dropped and counted', async () => {
    const { say, counters, server } = setUp()
    assert.equal(await say('discover', { giaddr: ip('10.1.1.1') }), undefined)
    assert.equal(await say('offer'), undefined)
    assert.equal(await say('request'), undefined)
    server.receive(new Uint8Array(50))
    assert.deepEqual(
      ['dhcp-relayed', 'dhcp-type', 'dhcp-options', 'dhcp-short'].map((reason) => counters.get(`drop-${reason}`)),
      [1, 1, 1, 1],
    )
  })

  test('and make the leases throw leave the server able to serve the next', async () => {
    const { say, leases, counters } = setUp()
    const offer = leases.offer.bind(leases)
    leases.offer = () => Promise.reject(new Error('broken'))
    assert.equal(await say('discover'), undefined)
    assert.equal(counters.get('drop-dhcp-failed'), 1)
    leases.offer = offer
    assert.equal((await say('discover', { xid: 2 }))?.packet.type, 'offer')
  })
})

describe('on a tap', () => {
  test('a DISCOVER is answered on the tap, and nothing of it reaches the overlay', async () => {
    const lab = new Lab()
    const host = lab.host('10.128.0.5')
    host.network.setReady()
    host.tap.inject(
      udpFrame(
        { mac: MAC, ip: NONE, port: 68 },
        { mac: 'ff:ff:ff:ff:ff:ff' as Mac, ip: 0xffffffff as Ip4, port: 67 },
        message('discover'),
      ),
    )
    await lab.clock.runFor(100)
    const [frame] = host.tap.take()
    assert.ok(frame)
    assert.equal(readFrame(frame).packet.type, 'offer')
    assert.deepEqual(lab.world.sent, [])
  })

  test('a lost lease bounces the carrier, and is known as lost until its client has another', async () => {
    const lab = new Lab()
    const host = lab.host('10.128.0.5')
    const lost: Ip4[] = []
    host.network.onLost = (lease) => lost.push(lease.ip)
    host.leases.lose(host.ip)
    await lab.clock.runFor(2000)
    assert.deepEqual(host.tap.carrier, [false, true])
    assert.deepEqual(lost, [host.ip])
    assert.deepEqual(host.network.lost, [host.ip])
  })
})
