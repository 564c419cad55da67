import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { concat, EMPTY, utf8 } from '../../agent/core/bytes.ts'
import { keyPairOf } from '../../agent/core/ed25519.ts'
import type { UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import { Initiator, NodeKeys } from '../../agent/underlay/handshake.ts'
import type { SeededRandom } from '../../sim/seeded-random.ts'
import { messages, randomOf } from '../fuzz/volume.ts'
import { inbox, type Node, SessionLab } from './session-lab.ts'
import type { Sent } from './virtual-net.ts'

/** Everything that is sent while `task` runs. */
async function recorded(lab: SessionLab, task: () => Promise<unknown>): Promise<Sent[]> {
  const all: Sent[] = []
  const { onSent } = lab.net
  lab.net.onSent = (sent) => {
    all.push(sent)
    return onSent(sent)
  }
  await task()
  lab.net.onSent = onSent
  return all
}

const FLIPS: readonly (readonly [string, (datagram: Uint8Array) => Uint8Array[]])[] = [
  ['a bit flipped at any byte', (datagram) => [...datagram.keys()].map((i) => flipped(datagram, i))],
  ['cut at any byte', (datagram) => [...datagram.keys()].map((i) => datagram.subarray(0, i))],
  ['bytes added', (datagram) => [1, 16, 1_000, 60_000].map((n) => concat(datagram, new Uint8Array(n)))],
]

function flipped(datagram: Uint8Array, at: number): Uint8Array {
  const copy = datagram.slice()
  copy[at]! ^= 1 << (at % 8)
  return copy
}

describe('datagrams', () => {
  for (const [name, damage] of FLIPS) {
    test(`with ${name} change nothing: the true one is taken after them`, async () => {
      const lab = new SessionLab()
      const [a, b] = lab.pair()
      let damaged = 0
      lab.net.onSent = (sent) => {
        for (const datagram of damage(sent.datagram)) {
          damaged++
          lab.net.inject({ ...sent, datagram })
        }
        return sent
      }
      const [ab, ba] = await lab.session(a, b)
      const [atA, atB] = [inbox(ab), inbox(ba)]
      ab.send('control', utf8('hello'))
      ba.send('datagram', EMPTY)
      await lab.clock.runFor(100)
      assert.equal(atA.length, 1)
      assert.deepEqual(atB, [{ kind: 'control', payload: utf8('hello') }])
      assert.equal(b.opened.length, 1)
      const drops = [a, b].flatMap(({ sessions }) => Object.entries(sessions.counters.snapshot()))
      assert.equal(
        drops.filter(([reason]) => reason.startsWith('drop-')).reduce((sum, [, count]) => sum + count, 0),
        damaged,
        'each is dropped and counted',
      )
    })
  }

  test('that are replayed, from where they came or from elsewhere, change nothing', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const stranger = '203.0.113.9:9' as UdpEndpoint
    let ends: ReturnType<typeof inbox>[] = []
    const all = await recorded(lab, async () => {
      const [ab, ba] = await lab.session(a, b)
      ends = [inbox(ab), inbox(ba)]
      ab.send('control', utf8('once'))
      ba.send('datagram', utf8('once'))
      await lab.clock.runFor(100)
    })
    const replays = await recorded(lab, async () => {
      for (const sent of all) {
        lab.net.inject(sent)
        lab.net.inject({ ...sent, from: stranger })
      }
      await lab.clock.runFor(30_000)
    })
    assert.deepEqual(
      ends.map(({ length }) => length),
      [1, 1],
    )
    assert.equal(b.opened.length, 1)
    assert.deepEqual([b.opened[0]!.remote, b.opened[0]!.peer], [a.endpoint, a.address])
    // A first message is answered wherever it seems to come from, once.
    assert.deepEqual(
      replays.filter(({ to }) => to === stranger).map(({ datagram }) => datagram.length),
      [201],
    )
  })

  test('that are made up are dropped and counted', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair({ ringKey: new Uint8Array(32) })
    const [, ba] = await lab.session(a, b)
    const random = randomOf(77)
    const true_ = await recorded(lab, () => lab.session(lab.node({ ringKey: new Uint8Array(32) }), b))
    const before = sumOfDrops(b)
    const count = messages(100_000)
    for (let i = 0; i < count; i++) {
      lab.net.inject({ from: a.endpoint, to: b.endpoint, datagram: madeUp(random, true_) })
    }
    assert.equal(sumOfDrops(b) - before, count)
    const got = inbox(ba)
    ba.send('control', EMPTY)
    await lab.clock.runFor(60_000)
    assert.equal(got.length, 0)
  })
})

/** Random bytes of the right kind and often the right size. */
function madeUp(random: SeededRandom, models: readonly Sent[]): Uint8Array {
  const model = models[random.below(models.length)]!.datagram
  const length = random.below(4) > 0 ? model.length : random.below(1_500)
  const datagram = random.bytes(length)
  if (length > 0) datagram[0] = 0xd0 + random.below(6)
  // Often for a receiver that there is.
  if (random.below(2) > 0 && length > 5) datagram.set(model.subarray(1, 5), 1)
  return datagram
}

function sumOfDrops({ sessions }: Node): number {
  const drops = Object.entries(sessions.counters.snapshot()).filter(([name]) => name.startsWith('drop-'))
  return drops.reduce((sum, [, count]) => sum + count, 0)
}

describe('a flood of handshakes', () => {
  /** First messages of strangers, each with a key of its own, from many endpoints. */
  function strangers(lab: SessionLab, to: Node, ringKey?: Uint8Array) {
    const keys = new NodeKeys(keyPairOf(lab.random.bytes(32)), ringKey, lab.random)
    const models = Array.from({ length: 50 }, (_, i) => new Initiator(keys, i).first())
    const endpoint = (i: number) => `203.0.${(i >> 8) & 255}.${i & 255}:${1 + (i % 1_000)}` as UdpEndpoint
    return (i: number) => ({ from: endpoint(i), to: to.endpoint, datagram: models[i % models.length]! })
  }

  /** Bytes that strangers sent to a node, and bytes that it answered them. */
  function balance(lab: SessionLab, node: Node) {
    const got = new Map<UdpEndpoint, number>()
    const answered = new Map<UdpEndpoint, number>()
    const seconds: Sent[] = []
    lab.net.onSent = (sent) => {
      if (sent.from !== node.endpoint || !sent.to.startsWith('203.')) return sent
      answered.set(sent.to, (answered.get(sent.to) ?? 0) + sent.datagram.length)
      if (sent.datagram[0] === 0xd1) seconds.push(sent)
      return undefined
    }
    const inject = (sent: Sent) => {
      got.set(sent.from, (got.get(sent.from) ?? 0) + sent.datagram.length)
      lab.net.inject(sent)
    }
    return { got, answered, seconds, inject }
  }

  test('is answered with no more than it brought, is remembered little, and keeps no peer out', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const c = lab.node()
    const [ab, ba] = await lab.session(a, b)
    const arrived = inbox(ba)
    const flood = strangers(lab, b)
    const { got, answered, seconds, inject } = balance(lab, b)
    let connected = false
    void c.sessions.connect(b.endpoint, b.address).then(() => {
      connected = true
    })
    for (let ms = 0; ms < 1_000; ms++) {
      for (let i = 0; i < 50; i++) inject(flood(ms * 50 + i))
      ab.send('datagram', EMPTY)
      await lab.clock.runFor(1)
    }
    await lab.clock.runFor(100)
    assert.equal(arrived.length, 1_000)
    assert.ok(connected, 'a newcomer got in, with a cookie')
    assert.ok(c.sessions.counters.get('drop-misplaced-cookie') === 0)
    for (const [endpoint, bytes] of answered) assert.ok(bytes <= got.get(endpoint)!, endpoint)
    assert.ok(seconds.length <= 200, `${seconds.length} strangers cost a key exchange`)
    assert.ok(b.sessions.counters.get('drop-handshake-flood') > 9_000)
  })

  test('with cookies, from one machine, is held down to its share', async () => {
    const lab = new SessionLab()
    const b = lab.node()
    const robber = '203.0.113.1:1' as UdpEndpoint
    const keys = new NodeKeys(keyPairOf(lab.random.bytes(32)), undefined, lab.random)
    const flood = strangers(lab, b)
    const { seconds, inject } = balance(lab, b)
    for (let i = 0; i < 2_000; i++) inject(flood(i))
    let cookie: Uint8Array | undefined
    lab.net.onSent = (sent) => {
      if (sent.to === robber && sent.datagram[0] === 0xd3) cookie = sent.datagram.slice(5, 21)
      if (sent.to === robber && sent.datagram[0] === 0xd1) seconds.push(sent)
      return undefined
    }
    inject({ from: robber, to: b.endpoint, datagram: new Initiator(keys, 1).first() })
    seconds.length = 0
    for (let i = 0; i < 2_000; i++) {
      inject({ from: robber, to: b.endpoint, datagram: new Initiator(keys, i).first(cookie) })
    }
    assert.equal(seconds.length, 100)
    assert.equal(b.sessions.counters.get('drop-handshake-rate'), 1_900)
  })

  test('without the key of the ring is not answered at all', async () => {
    const lab = new SessionLab()
    const b = lab.node({ ringKey: new Uint8Array(32) })
    const flood = strangers(lab, b, new Uint8Array(32).fill(9))
    const { answered, inject } = balance(lab, b)
    for (let i = 0; i < 10_000; i++) inject(flood(i))
    await lab.clock.runFor(10_000)
    assert.equal(answered.size, 0)
    assert.equal(b.sessions.counters.get('drop-wrong-mac'), 10_000)
  })

  test('that never ends its handshakes is forgotten', async () => {
    const lab = new SessionLab()
    const b = lab.node()
    const flood = strangers(lab, b)
    const { seconds, inject } = balance(lab, b)
    for (let i = 0; i < 300; i++) inject(flood(i))
    assert.equal(seconds.length, 100)
    await lab.clock.runFor(9_000)
    for (let i = 300; i < 600; i++) inject(flood(i))
    assert.equal(seconds.length, 200)
  })
})
