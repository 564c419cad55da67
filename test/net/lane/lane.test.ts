import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LANE_KEYS_MS, SAFE_PACKET } from '../../../agent/net/constants.ts'
import { decodeMessage, tagOf } from '../../../agent/net/tunnel/messages.ts'
import { echoRequest, frameOf, tcpSyn } from '../../packet/frames.ts'
import { type FastHost, type FastLab, fastPair } from './pair.ts'

/** Link datagrams that carry packets. */
const overLink = (lab: FastLab) => lab.world.sent.filter(({ body }) => body[8] === 0).length
const carrierOf = (host: { network: { tunnels(): { carrier: string }[] } }) => host.network.tunnels()[0]?.carrier

describe('packets between two nodes with a path over UDP', () => {
  test('take a lane as soon as both ends have agreed, and the link until then', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    assert.equal((await lab.ping(a, b)).length, 1)
    const before = overLink(lab)
    assert.equal(before, 1)
    for (let i = 0; i < 20; i++) {
      assert.equal((await lab.ping(a, b)).length, 1)
      assert.equal((await lab.ping(b, a)).length, 1)
    }
    assert.equal(overLink(lab), before)
    assert.equal(carrierOf(a), 'udp')
    assert.equal(carrierOf(b), 'udp')
    assert.deepEqual([a.tables.forged, b.tables.forged], [0, 0])
  })

  test('take the link where there is no path, and a lane when there is one', async () => {
    const { lab, a, b } = fastPair()
    await lab.ping(a, b)
    assert.equal((await lab.ping(a, b)).length, 1)
    assert.equal(overLink(lab), 2)
    lab.path(a, b)
    await lab.clock.runFor(100)
    assert.equal((await lab.ping(a, b)).length, 1)
    assert.equal(overLink(lab), 2)
  })

  test('take the link again when the path is gone, without a lost packet', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    await lab.ping(a, b)
    await lab.ping(a, b)
    lab.path(a, b, false)
    for (let i = 0; i < 5; i++) assert.equal((await lab.ping(a, b)).length, 1)
    assert.equal(carrierOf(a), 'link')
    lab.path(a, b)
    await lab.clock.runFor(100)
    assert.equal((await lab.ping(a, b)).length, 1)
    assert.equal(carrierOf(a), 'udp')
  })

  test('take the link within 2.5 s when nothing arrives on the lane any more, and the lane again when it does', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    await lab.ping(a, b)
    await lab.ping(a, b)
    lab.wire.carries = 0
    let lost = 0
    for (let i = 0; i < 60; i++) if ((await lab.ping(a, b)).length === 0) lost++
    assert.ok(lost > 5 && lost <= 25, `${lost} pings of 100 ms each were lost`)
    assert.deepEqual(a.overlay.suspected, [b.overlay.self])
    assert.equal((await lab.ping(a, b)).length, 1)
    assert.equal(carrierOf(a), 'link')
    lab.wire.carries = 65_535
    for (let i = 0; i < 25; i++) await lab.ping(a, b)
    assert.equal(carrierOf(a), 'udp')
  })

  test('go on when the link between the two breaks and another is opened', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    await lab.ping(a, b)
    lab.world.cut(a.overlay, b.overlay)
    assert.equal((await lab.ping(a, b)).length, 1)
    await lab.clock.runFor(100)
    assert.equal((await lab.ping(a, b)).length, 1)
    assert.equal(carrierOf(a), 'udp')
    assert.equal(a.tables.lanes.size, 1, 'the former lane is gone')
  })

  test('go on while the keys are renewed, and the former keys end', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    await lab.ping(a, b)
    await lab.ping(a, b)
    const [first] = a.tables.lanes.keys()
    const rounds = LANE_KEYS_MS / 1_000 + 30
    for (let i = 0; i < rounds; i++) {
      assert.equal((await lab.ping(a, b)).length, 1)
      await lab.clock.runFor(900)
    }
    assert.ok(!a.tables.lanes.has(first!))
    assert.equal(a.tables.lanes.size, 1)
    assert.equal(a.network.counters()['lane-renewed'], 1)
    assert.deepEqual([a.tables.forged, b.tables.forged], [0, 0])
  })
})

describe('a lane is agreed', () => {
  const messageOf = (lab: FastLab, body: Uint8Array) => decodeMessage(tagOf(lab.keys), body)?.kind

  /** Pings a few seconds, and then ten seconds more, of which it returns how many were answered. */
  async function pings({ lab, a, b }: ReturnType<typeof fastPair>): Promise<number> {
    for (let i = 0; i < 50; i++) await lab.ping(a, b)
    let answered = 0
    for (let i = 0; i < 100; i++) answered += (await lab.ping(a, b)).length
    return answered
  }

  test('although the link stands still for longer than an offer waits', async () => {
    const pair = fastPair()
    const { lab, a, b } = pair
    lab.path(a, b)
    const held: Uint8Array[] = []
    let isStalled = false
    lab.world.lose = (from, _to, body) => {
      if (from !== a.overlay.self) return false
      if (messageOf(lab, body) === 'laneOffer' && held.length === 0) {
        isStalled = true
        lab.clock.after(2_500, () => {
          isStalled = false
          for (const each of held) a.overlay.datagram(b.overlay.self, each)
        })
      }
      if (isStalled) held.push(body)
      return isStalled
    }
    assert.equal(await pings(pair), 100)
    assert.deepEqual([carrierOf(a), carrierOf(b)], ['udp', 'udp'])
  })

  test('although word that it is ready is lost', async () => {
    const pair = fastPair()
    const { lab, a, b } = pair
    lab.path(a, b)
    let lost = 0
    lab.world.lose = (_from, _to, body) => messageOf(lab, body) === 'laneReady' && lost++ === 0
    assert.equal(await pings(pair), 100)
    assert.deepEqual([carrierOf(a), carrierOf(b), lost], ['udp', 'udp', 1])
  })
})

describe('a path', () => {
  test('that carries full length gets packets whole once a probe has shown it, and in halves before', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    await lab.ping(a, b)
    await lab.ping(a, b)
    const [lane] = a.tables.lanes.values()
    assert.equal(lane?.longest, a.tap.mtu)
  })

  test('that carries no full length gets no record longer than the safe one but probes', async () => {
    const { lab, a, b } = fastPair()
    lab.wire.carries = 1_250
    lab.path(a, b)
    await lab.ping(a, b)
    await lab.ping(a, b)
    const [lane] = a.tables.lanes.values()
    assert.equal(lane?.longest, SAFE_PACKET)
    for (let i = 0; i < 30; i++) {
      a.tap.inject(frameOf(echoRequest(a.ip, b.ip, i, 1_350), a.mac))
      await lab.clock.runFor(100)
    }
    assert.equal(b.tap.take().length, 30)
    assert.equal(carrierOf(a), 'udp')
  })

  test('that carries no full length has new connections send shorter segments', async () => {
    const { lab, a, b } = fastPair()
    lab.wire.carries = 1_250
    lab.path(a, b)
    for (let i = 0; i < 30; i++) await lab.ping(a, b)
    assert.equal(await segmentSizeTold(lab, a, b), SAFE_PACKET - 40)
  })

  test('that follows such a one has not proven anything yet: new connections send full segments', async () => {
    const { lab, a, b } = fastPair()
    lab.wire.carries = 1_250
    lab.path(a, b)
    for (let i = 0; i < 30; i++) await lab.ping(a, b)
    lab.path(a, b, false)
    lab.path(a, b)
    assert.equal(await segmentSizeTold(lab, a, b), a.tap.mtu - 40)
  })

  test('that carries less than before is found out while traffic flows', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    await lab.ping(a, b)
    lab.wire.carries = 1_250
    for (let i = 0; i < 700; i++) await lab.ping(a, b)
    const [lane] = a.tables.lanes.values()
    assert.equal(lane?.longest, SAFE_PACKET)
  })

  test('is not probed without traffic', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    await lab.ping(a, b)
    await lab.clock.runFor(12_000)
    const before = lab.wire.lengths.length
    await lab.clock.runFor(60_000)
    assert.equal(lab.wire.lengths.length, before)
  })

  test('is kept while neither it nor the link is answered: an end is too busy', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    for (let i = 0; i < 3; i++) await lab.ping(a, b)
    lab.wire.carries = 0
    lab.world.lose = () => true
    for (let i = 0; i < 50; i++) await lab.ping(a, b)
    assert.equal(carrierOf(a), 'udp')
    lab.world.lose = () => false
    for (let i = 0; i < 15; i++) await lab.ping(a, b)
    assert.equal(carrierOf(a), 'link')
  })

  test('on which nothing arrived is not probed without traffic, and found to carry again with it', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    for (let i = 0; i < 3; i++) await lab.ping(a, b)
    lab.wire.carries = 0
    for (let i = 0; i < 30; i++) await lab.ping(a, b)
    assert.equal(carrierOf(a), 'link')
    await lab.clock.runFor(12_000)
    const before = lab.wire.lengths.length
    await lab.clock.runFor(60_000)
    assert.equal(lab.wire.lengths.length, before)
    lab.wire.carries = 65_535
    for (let i = 0; i < 15; i++) assert.equal((await lab.ping(a, b)).length, 1)
    assert.equal(carrierOf(a), 'udp')
  })
})

describe('the tables of the fast path', () => {
  test('know the leases of this tap while they may be used', async () => {
    const { lab, a } = fastPair()
    await lab.clock.runFor(1_000)
    assert.deepEqual([...a.tables.locals.keys()], [a.ip])
    a.leases.lose(a.ip)
    assert.deepEqual([...a.tables.locals.keys()], [])
  })

  test('count for nothing a second after this node ran last', async () => {
    const { lab, a } = fastPair()
    await lab.clock.runFor(10_000)
    assert.ok(a.tables.permittedUntil <= lab.clock.now() + 1_000)
    assert.ok(a.tables.permittedUntil > lab.clock.now() + 500)
  })

  test('are emptied when this node was away, before it does anything else', async () => {
    const { lab, a } = fastPair()
    await lab.clock.runFor(1_000)
    a.vigil.report(30_000)
    assert.deepEqual([...a.tables.locals.keys()], [])
    assert.ok(a.tables.permittedUntil <= lab.clock.now())
    await lab.clock.runFor(1_000)
    assert.deepEqual([...a.tables.locals.keys()], [a.ip], "the lease is still this node's")
  })

  test('know a route while the address is believed to be at the peer', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    await lab.ping(a, b)
    await lab.ping(a, b)
    assert.deepEqual([...a.tables.routes.keys()], [b.ip])
    assert.deepEqual([...b.tables.routes.keys()], [a.ip])
    b.leases.drop(b.ip)
    await lab.ping(a, b)
    await lab.clock.runFor(100)
    assert.deepEqual([...a.tables.routes.keys()], [], 'the peer said that it is not there')
  })

  test('lose the routes of a lane that packets do not take any more', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    await lab.ping(a, b)
    await lab.ping(a, b)
    lab.path(a, b, false)
    assert.equal(a.tables.routes.size, 0)
  })

  test('have a session ask when records come from elsewhere', async () => {
    const { lab, a, b } = fastPair()
    lab.path(a, b)
    await lab.ping(a, b)
    await lab.ping(a, b)
    const [index] = a.tables.lanes.keys()
    a.tables.deliverFrom(index!, new Uint8Array(0), { ip: '198.51.100.7', port: 9 })
    assert.deepEqual(a.paths.heard, ['198.51.100.7:9'])
  })
})

/** The MSS that arrives when `a` begins a connection with one of 1,460. */
async function segmentSizeTold(lab: FastLab, a: FastHost, b: FastHost): Promise<number> {
  a.tap.inject(frameOf(tcpSyn(a.ip, b.ip, [2, 4, 5, 0xb4]), a.mac))
  await lab.clock.runFor(100)
  const [frame] = b.tap.take()
  const mss = frame!.subarray(14 + 20 + 20 + 2, 14 + 20 + 20 + 4)
  return (mss[0]! << 8) | mss[1]!
}
