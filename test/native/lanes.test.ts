import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Counters } from '../../agent/core/counters.ts'
import { Lanes } from '../../agent/native/lanes.ts'
import { AGENT_MAC } from '../../agent/net/constants.ts'
import { openIpv4 } from '../../agent/packet/ipv4.ts'
import { LaneSocket } from '../../agent/underlay/lane-socket.ts'
import { udpEndpoint } from '../../agent/underlay/udp-endpoint.ts'
import { ip } from '../net/lab.ts'
import { echoRequest, tcpSyn } from '../packet/frames.ts'
import { FIRST_HALF, openRecord, PARTIAL, PROBE, SECOND_HALF, sealRecord } from './records.ts'

const SEND = new Uint8Array(32).fill(1)
const RECEIVE = new Uint8Array(32).fill(2)
const OURS = 0x10_0005
const THEIRS = 0x77
const A = ip('10.128.0.5')
const B = ip('10.128.0.6')

const received = async (socket: Socket): Promise<Buffer> => (await once(socket, 'message'))[0]

describe('a lane', () => {
  let lanes: Lanes
  let socket: LaneSocket
  let peer: Socket
  let got: Buffer[]
  let datagrams: Buffer[]
  let counter = 0
  before(async () => {
    lanes = new Lanes(AGENT_MAC)
    socket = new LaneSocket(lanes, '127.0.0.1', 0, new Counters())
    lanes.onLane = (index, packet) => {
      assert.equal(index, OURS)
      if (packet.length > 0) got.push(Buffer.from(packet))
    }
    socket.onDatagram = (datagram) => datagrams.push(Buffer.from(datagram))
    peer = createSocket('udp4').bind(0, '127.0.0.1')
    await once(peer, 'listening')
    assert.ok(lanes.open(OURS, THEIRS, { send: SEND, receive: RECEIVE }))
    lanes.setPath(OURS, { socket: socket.handle, ip: '127.0.0.1', port: peer.address().port }, 1_202)
  })
  beforeEach(() => {
    got = []
    datagrams = []
  })
  after(() => {
    socket.close()
    peer.close()
  })

  const arrive = async (...records: Uint8Array[]) => {
    for (const record of records) peer.send(record, socket.port, '127.0.0.1')
    await sleep(50)
  }
  const record = (packet: Uint8Array, flags = 0) =>
    sealRecord(RECEIVE, { receiver: OURS, counter: counter++, flags }, packet)
  const dropped = (reason: string) => lanes.statistics()[`drop-record-${reason}`] ?? 0

  test('seals packets as another implementation opens them, with a counter of their own each', async () => {
    const packet = echoRequest(A, B)
    for (const expected of [0, 1]) {
      const next = received(peer)
      assert.ok(lanes.send(OURS, packet))
      const opened = openRecord(SEND, await next)
      assert.deepEqual([opened.receiver, opened.counter, opened.flags], [THEIRS, expected, 0])
      assert.deepEqual(opened.packet, packet)
    }
  })

  test('opens what another implementation sealed', async () => {
    const packet = echoRequest(A, B)
    await arrive(record(packet))
    assert.deepEqual(got, [Buffer.from(packet)])
  })

  test('hands other datagrams to their owner, whole and in order', async () => {
    await arrive(Buffer.from('one'), Buffer.from('another'))
    assert.deepEqual(datagrams.map(String), ['one', 'another'])
  })

  test('takes each record once, in any order, and none that is far behind', async () => {
    const early = record(echoRequest(A, B, 1))
    const late = record(echoRequest(A, B, 2))
    await arrive(late, early, late, early)
    assert.equal(got.length, 2)
    assert.equal(dropped('replayed'), 2)
    const old = record(echoRequest(A, B, 3))
    counter += 20_000
    await arrive(record(echoRequest(A, B, 4)), old)
    assert.equal(got.length, 3)
    assert.equal(dropped('replayed'), 3)
  })

  test('drops whatever was changed on its way, and goes on', async () => {
    const packet = echoRequest(A, B)
    const good = record(packet)
    const before = dropped('forged')
    const changed = Array.from({ length: good.length - 5 }, (_, i) => {
      const copy = Uint8Array.from(good)
      copy[i + 5]! ^= 1
      return copy
    })
    await arrive(...changed)
    assert.deepEqual(got, [])
    assert.equal(dropped('forged') - before + (dropped('replayed') - 3), changed.length)
    await arrive(good)
    assert.deepEqual(got, [Buffer.from(packet)])
  })

  test('drops what is too short, of no lane, or no packet', async () => {
    const good = record(echoRequest(A, B))
    await arrive(good.subarray(0, 12), good.subarray(0, 29), good.subarray(0, 30))
    assert.equal(dropped('short'), 3)
    await arrive(sealRecord(RECEIVE, { receiver: OURS + 1, counter: 0 }, echoRequest(A, B)))
    assert.equal(dropped('no-lane'), 1)
    await arrive(record(Uint8Array.of(1, 2, 3)), record(new Uint8Array(1_000)))
    assert.equal(dropped('odd'), 2)
    assert.deepEqual(got, [])
  })

  test('completes a checksum that the sender left to it', async () => {
    const packet = tcpSyn(A, B, [2, 4, 5, 180])
    const partial = Uint8Array.from(packet)
    partial.fill(0xaa, 36, 38)
    await arrive(record(partial, PARTIAL))
    assert.deepEqual(got, [Buffer.from(packet)])
  })

  test('sends a packet that is too long for the path in two halves, and joins such halves', async () => {
    const packet = echoRequest(A, B, 1, 1_300)
    const records: Buffer[] = []
    const keep = (message: Buffer) => records.push(message)
    peer.on('message', keep)
    assert.ok(lanes.send(OURS, packet))
    await sleep(50)
    peer.off('message', keep)
    const [first, second] = records.map((each) => openRecord(SEND, each))
    assert.deepEqual([first?.flags, second?.flags], [FIRST_HALF, SECOND_HALF])
    assert.ok(records.every(({ length }) => length <= 1_232))
    const halves = [first!.packet, second!.packet]
    await arrive(record(halves[0]!, FIRST_HALF), record(halves[1]!, SECOND_HALF))
    assert.deepEqual(got, [Buffer.from(packet)])
    assert.ok(typeof openIpv4(got[0]!) !== 'string')
  })

  test('joins no halves that do not belong together', async () => {
    const packet = echoRequest(A, B, 1, 1_300)
    const before = dropped('odd')
    const lost = record(packet.subarray(0, 600), FIRST_HALF)
    counter++
    await arrive(lost, record(packet.subarray(600), SECOND_HALF), record(packet.subarray(600), SECOND_HALF))
    assert.deepEqual(got, [])
    assert.equal(dropped('odd') - before, 2)
  })

  test('tells of a probe how long it was', async () => {
    await arrive(record(new Uint8Array(1_400), PROBE))
    assert.deepEqual(got, [Buffer.from([0, 1_400 >> 8, 1_400 & 0xff])])
    const next = received(peer)
    assert.ok(lanes.probe(OURS, 1_400))
    const probe = openRecord(SEND, await next)
    assert.deepEqual([probe.flags, probe.packet.length], [PROBE, 1_400])
  })

  test('has one place for each index, and sends nothing once it is closed', () => {
    assert.ok(!lanes.open(OURS, THEIRS, { send: SEND, receive: RECEIVE }))
    lanes.setRoute(B, OURS)
    lanes.close(OURS)
    assert.ok(!lanes.send(OURS, echoRequest(A, B)))
    assert.ok(lanes.open(OURS, THEIRS, { send: SEND, receive: RECEIVE }))
  })
})

describe('a socket of the addon', () => {
  test('says whose port is taken', () => {
    const first = new LaneSocket(new Lanes(AGENT_MAC), '127.0.0.1', 0, new Counters())
    assert.throws(() => new LaneSocket(new Lanes(AGENT_MAC), '127.0.0.1', first.port, new Counters()), {
      code: 'EADDRINUSE',
    })
    first.close()
    first.close()
  })

  test('counts what the kernel does not send, and never throws', async () => {
    const counters = new Counters()
    const socket = new LaneSocket(new Lanes(AGENT_MAC), '127.0.0.1', 0, counters)
    socket.send(new Uint8Array(70_000), '127.0.0.1:9' as never)
    assert.equal(counters.snapshot()['drop-udp-EMSGSIZE'], 1)
    socket.close()
    socket.send(new Uint8Array(1), '127.0.0.1:9' as never)
  })

  for (const [family, host] of [
    ['IPv4', '127.0.0.1'],
    ['IPv6', '::1'],
  ] as const) {
    test(`tells when nobody listens where a datagram went, over ${family}, and goes on sending`, async () => {
      const counters = new Counters()
      const [one, gone, other] = [0, 1, 2].map(() => new LaneSocket(new Lanes(AGENT_MAC), host, 0, counters)) as [
        LaneSocket,
        LaneSocket,
        LaneSocket,
      ]
      const at = (port: number) => udpEndpoint(host, port)!
      gone.close()
      const refused = new Promise((resolve) => {
        one.onRefused = resolve
      })
      one.send(Buffer.from('hello'), at(gone.port))
      assert.equal(await refused, at(gone.port))
      const arrived: string[] = []
      other.onDatagram = (datagram) => arrived.push(Buffer.from(datagram).toString())
      for (let i = 0; i < 20; i++) {
        one.send(Buffer.from('nobody'), at(gone.port))
        one.send(Buffer.from(`${i}`), at(other.port))
      }
      await sleep(50)
      assert.deepEqual(
        arrived,
        Array.from({ length: 20 }, (_, i) => `${i}`),
      )
      one.close()
      other.close()
    })
  }

  test('carries both ways over IPv6', async () => {
    const counters = new Counters()
    const [one, other] = [0, 1].map(() => new LaneSocket(new Lanes(AGENT_MAC), '::1', 0, counters)) as [
      LaneSocket,
      LaneSocket,
    ]
    const arrived = new Promise((resolve) => {
      other.onDatagram = (datagram, from) => resolve([Buffer.from(datagram).toString(), from])
    })
    one.send(Buffer.from('six'), `[::1]:${other.port}` as never)
    assert.deepEqual(await arrived, ['six', `[::1]:${one.port}`])
    one.close()
    other.close()
  })
})
