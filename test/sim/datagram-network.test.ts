import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { ipOf, udpEndpoint } from '../../agent/underlay/udp-endpoint.ts'
import type { SimSocket } from '../../sim/datagram-host.ts'
import { DatagramNetwork } from '../../sim/datagram-network.ts'
import type { Hold } from '../../sim/node-clock.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { Listener, numbered } from './listener.ts'

describe('datagrams between two hosts on the Internet', () => {
  let clock: VirtualClock
  let network: DatagramNetwork
  let sender: SimSocket
  let receiver: SimSocket
  let heard: Listener

  beforeEach(() => {
    clock = new VirtualClock()
    network = new DatagramNetwork(clock, new SeededRandom(1))
    sender = network.host().socket(4000)
    receiver = network.host().socket(5000)
    heard = new Listener(receiver)
  })

  async function send(count: number): Promise<void> {
    for (let i = 0; i < count; i++) sender.send(numbered(i), receiver.endpoint)
    await clock.runFor(1_000)
  }

  test('arrive with the endpoint that they came from, and can be answered', async () => {
    const answers = new Listener(sender)
    sender.send(numbered(7), receiver.endpoint)
    await clock.runFor(100)
    receiver.send(numbered(8), heard.from[0]!)
    await clock.runFor(100)
    assert.deepEqual([heard.numbers, answers.numbers], [[7], [8]])
    assert.equal(answers.from[0], receiver.endpoint)
  })

  test('arrive after a delay between the least and the largest, in order', async () => {
    const arrivals: number[] = []
    receiver.onDatagram = () => arrivals.push(clock.now())
    Object.assign(network.weather, { minDelayMs: 20, maxDelayMs: 30 })
    for (let i = 0; i < 200; i++) {
      sender.send(numbered(i), receiver.endpoint)
      await clock.runFor(100)
    }
    const delays = arrivals.map((at, i) => at - i * 100)
    assert.ok(Math.min(...delays) >= 20 && Math.max(...delays) < 30)
    assert.ok(Math.max(...delays) - Math.min(...delays) > 8)
    await send(100)
    assert.equal(arrivals.length, 300)
  })

  test('keep their order when nothing reorders them', async () => {
    await send(200)
    assert.deepEqual(
      heard.numbers,
      Array.from({ length: 200 }, (_, i) => i),
    )
  })

  test('are not changed when the sender uses its buffer again', async () => {
    const buffer = numbered(1)
    sender.send(buffer, receiver.endpoint)
    buffer.fill(9)
    await clock.runFor(100)
    assert.deepEqual(heard.numbers, [1])
  })

  test('are lost as often as the weather says, and counted', async () => {
    network.weather.loss = 0.2
    await send(1_000)
    assert.ok(heard.datagrams.length > 750 && heard.datagrams.length < 850)
    assert.equal(network.counters.get('drop-loss'), 1_000 - heard.datagrams.length)
  })

  test('are lost in a row during a burst', async () => {
    network.weather.bursts = { everyMs: 1_000, forMs: 200 }
    for (let i = 0; i < 1_000; i++) {
      sender.send(numbered(i), receiver.endpoint)
      await clock.runFor(10)
    }
    const gaps = heard.numbers.map((n, i) => n - (heard.numbers[i - 1] ?? -1) - 1).filter((gap) => gap > 0)
    assert.ok(gaps.length >= 3)
    assert.ok(gaps.every((gap) => gap >= 20))
  })

  test('arrive twice, or out of order, or with one bit flipped, when the weather says so', async () => {
    network.weather.duplicate = 1
    await send(3)
    assert.deepEqual(
      heard.numbers.toSorted((a, b) => a - b),
      [0, 0, 1, 1, 2, 2],
    )
    Object.assign(network.weather, { duplicate: 0, reorder: 0.5 })
    heard.datagrams.length = 0
    await send(100)
    assert.notDeepEqual(
      heard.numbers,
      heard.numbers.toSorted((a, b) => a - b),
    )
    Object.assign(network.weather, { reorder: 0, flip: 1 })
    heard.datagrams.length = 0
    await send(50)
    assert.equal(heard.datagrams.length, 50)
    for (const [i, n] of heard.numbers.entries()) assert.equal((n ^ i).toString(2).replaceAll('0', ''), '1')
  })

  test('above the MTU of the way, or of either end, vanish', async () => {
    const sendOf = async (bytes: number) => {
      heard.datagrams.length = 0
      sender.send(new Uint8Array(bytes), receiver.endpoint)
      await clock.runFor(100)
      return heard.datagrams.length === 1
    }
    assert.deepEqual([await sendOf(1_472), await sendOf(1_473)], [true, false])
    const narrow = network.host()
    narrow.mtu = 1_280
    const behind = narrow.socket()
    heard = new Listener(behind)
    sender.send(new Uint8Array(1_253), behind.endpoint)
    sender.send(new Uint8Array(1_252), behind.endpoint)
    await clock.runFor(100)
    assert.deepEqual(
      heard.datagrams.map(({ length }) => length),
      [1_252],
    )
  })

  test('over IPv6 have longer headers, and never reach an IPv4 socket', async () => {
    const [a, b] = [network.host(undefined, '2001:db8::1').socket(), network.host(undefined, '2001:db8::2').socket()]
    const atB = new Listener(b)
    for (const bytes of [1_452, 1_453]) a.send(new Uint8Array(bytes), b.endpoint)
    a.send(new Uint8Array(1), receiver.endpoint)
    await clock.runFor(100)
    assert.deepEqual([atB.datagrams.length, atB.from[0], heard.datagrams.length], [1, a.endpoint, 0])
  })

  test('to nobody, through a firewall that blocks UDP, or between a pair that cannot talk, vanish', async () => {
    sender.send(numbered(1), udpEndpoint('198.18.9.9', 1)!)
    const blocked = network.host()
    blocked.udpBlocked = true
    const heardBlocked = new Listener(blocked.socket(5000))
    sender.send(numbered(1), udpEndpoint(blocked.ip, 5000)!)
    network.canTalk = (_, { ip }) => ip !== ipOf(receiver.endpoint)
    await send(1)
    await clock.runFor(100)
    assert.deepEqual([heard.datagrams.length, heardBlocked.datagrams.length], [0, 0])
    assert.deepEqual(
      ['nobody', 'blocked', 'cannot-talk'].map((reason) => network.counters.get(`drop-${reason}`)),
      [1, 1, 1],
    )
  })

  test('neither leave nor reach a closed socket, whose port is free again', async () => {
    const host = network.host()
    const closed = host.socket(6000)
    const heardClosed = new Listener(closed)
    sender.send(numbered(1), closed.endpoint)
    closed.close()
    closed.send(numbered(1), receiver.endpoint)
    await clock.runFor(100)
    assert.deepEqual([heard.datagrams.length, heardClosed.datagrams.length], [0, 0])
    assert.equal(host.socket(6000).endpoint, closed.endpoint)
  })

  test('to a port without a socket are refused, and to a machine that is off are not', async () => {
    const refused: string[] = []
    sender.onRefused = (to) => refused.push(to)
    const off = network.host()
    off.udpBlocked = true
    const gone = udpEndpoint(ipOf(receiver.endpoint), 6000)!
    for (const to of [gone, udpEndpoint(off.ip, 6000)!]) sender.send(numbered(1), to)
    await clock.runFor(100)
    assert.deepEqual(refused, [gone])
    network.canTalk = (from) => from.ip !== ipOf(gone)
    sender.send(numbered(1), gone)
    await clock.runFor(100)
    assert.deepEqual(refused, [gone], 'the word of a machine that is not heard is lost too')
  })

  test('to a machine that sleeps are lost, and to one that stands still wait until it goes on', async () => {
    const host = network.host()
    const socket = host.socket(6000)
    const heardHeld = new Listener(socket)
    const heardWhile = async (how: Hold) => {
      host.hold(how)
      sender.send(numbered(how.length), socket.endpoint)
      await clock.runFor(100)
      const during = heardHeld.numbers.length
      host.resume()
      return [during, heardHeld.numbers.length]
    }
    assert.deepEqual(await heardWhile('sleep'), [0, 0])
    assert.deepEqual(await heardWhile('stall'), [0, 1])
    assert.deepEqual(await heardWhile('freeze'), [1, 2])
  })

  test('that waited for a machine that stands still are gone when it starts again', async () => {
    const host = network.host()
    host.hold('stall')
    const before = new Listener(host.socket(6000))
    sender.send(numbered(1), udpEndpoint(host.ip, 6000)!)
    await clock.runFor(100)
    host.reboot()
    const after = new Listener(host.socket(6000))
    sender.send(numbered(2), udpEndpoint(host.ip, 6000)!)
    await clock.runFor(100)
    assert.deepEqual([before.numbers, after.numbers], [[], [2]])
  })

  test('travel in the same way in every run with the same seed', async () => {
    const run = async () => {
      const ownClock = new VirtualClock()
      const own = new DatagramNetwork(ownClock, new SeededRandom(7))
      Object.assign(own.weather, { loss: 0.1, duplicate: 0.1, reorder: 0.3, flip: 0.1 })
      const [a, b] = [own.host().socket(), own.host().socket()]
      const seen: string[] = []
      b.onDatagram = (datagram) => seen.push(`${ownClock.now()} ${datagram}`)
      for (let i = 0; i < 300; i++) a.send(numbered(i), b.endpoint)
      await ownClock.runFor(1_000)
      return seen
    }
    assert.deepEqual(await run(), await run())
  })
})
