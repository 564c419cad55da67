import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import { ipOf, portOf, udpEndpoint } from '../../agent/underlay/udp-endpoint.ts'
import type { SimSocket } from '../../sim/datagram-host.ts'
import { CARRIER_GRADE_NAT, HOME_NAT, type NatBehavior, SYMMETRIC_NAT } from '../../sim/datagram-nat.ts'
import { DatagramNetwork } from '../../sim/datagram-network.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { Listener, numbered } from './listener.ts'

describe('a NAT', () => {
  let clock: VirtualClock
  let network: DatagramNetwork
  /** Two ports of one host, and a port of another host, all on the Internet. */
  let near: SimSocket
  let nearOther: SimSocket
  let far: SimSocket

  beforeEach(() => {
    clock = new VirtualClock()
    network = new DatagramNetwork(clock, new SeededRandom(2))
    const host = network.host()
    near = host.socket(1000)
    nearOther = host.socket(1001)
    far = network.host().socket(1000)
  })

  /** The endpoint that `to` sees when `from` sends. */
  async function seenBy(to: SimSocket, from: SimSocket): Promise<UdpEndpoint | undefined> {
    const heard = new Listener(to)
    from.send(numbered(1), to.endpoint)
    await clock.runFor(100)
    return heard.from[0]
  }

  /** Whether what `from` sends to `outer` reaches `inner`. */
  async function reaches(from: SimSocket, outer: UdpEndpoint, inner: SimSocket): Promise<boolean> {
    const heard = new Listener(inner)
    from.send(numbered(2), outer)
    await clock.runFor(100)
    return heard.datagrams.length === 1
  }

  const inside = (behavior: Partial<NatBehavior>) =>
    network.host(network.nat({ ...HOME_NAT, ...behavior })).socket(4000)

  test('that maps independently of the endpoint shows one port to all', async () => {
    const inner = inside({ mapping: 'endpoint-independent', ports: 'random' })
    const seen = [await seenBy(near, inner), await seenBy(nearOther, inner), await seenBy(far, inner)]
    assert.equal(new Set(seen).size, 1)
    assert.notEqual(seen[0], inner.endpoint)
  })

  test('that maps by address shows one port to each address', async () => {
    const inner = inside({ mapping: 'address-dependent', ports: 'random' })
    const seen = [await seenBy(near, inner), await seenBy(nearOther, inner), await seenBy(far, inner)]
    assert.equal(seen[0], seen[1])
    assert.notEqual(seen[0], seen[2])
  })

  test('that maps by address and port shows another port to each endpoint', async () => {
    const inner = inside({ mapping: 'address-and-port-dependent', ports: 'random' })
    const seen = [await seenBy(near, inner), await seenBy(nearOther, inner), await seenBy(far, inner)]
    assert.equal(new Set(seen).size, 3)
    assert.equal(new Set(seen.map((one) => ipOf(one!))).size, 1)
  })

  for (const [filtering, expected] of [
    ['endpoint-independent', [true, true, true]],
    ['address-dependent', [true, true, false]],
    ['address-and-port-dependent', [true, false, false]],
  ] as const) {
    test(`whose filter is ${filtering} lets in whom it should`, async () => {
      const inner = inside({ filtering })
      const outer = (await seenBy(near, inner))!
      const entered: boolean[] = []
      for (const from of [near, nearOther, far]) entered.push(await reaches(from, outer, inner))
      assert.deepEqual(entered, expected)
    })
  }

  test('lets nobody in to a port that nothing left through', async () => {
    const nat = network.nat({ ...HOME_NAT, filtering: 'endpoint-independent' })
    const inner = network.host(nat).socket(4000)
    const outer = (await seenBy(near, inner))!
    assert.equal(await reaches(near, udpEndpoint(ipOf(outer), 4001)!, inner), false)
    assert.equal(network.counters.get('drop-filtered'), 1)
  })

  test('that preserves ports keeps the inner port while it is free', async () => {
    const nat = network.nat(HOME_NAT)
    const [first, second] = [network.host(nat).socket(4000), network.host(nat).socket(4000)]
    assert.equal(portOf((await seenBy(near, first))!), 4000)
    assert.notEqual(portOf((await seenBy(near, second))!), 4000)
  })

  test('forgets a mapping after its time-out, however short, and only what leaves prolongs it', async () => {
    const inner = inside({ timeoutMs: 2_000, ports: 'random' })
    const outer = (await seenBy(near, inner))!
    await clock.runFor(1_800)
    assert.equal(await seenBy(near, inner), outer)
    await clock.runFor(1_800)
    assert.equal(await reaches(near, outer, inner), true)
    await clock.runFor(1_800)
    assert.equal(await reaches(near, outer, inner), false)
    assert.notEqual(await seenBy(near, inner), outer)
  })

  test('that hairpins carries datagrams between hosts behind it by their outer endpoints; another does not', async () => {
    for (const hairpinning of [true, false]) {
      const nat = network.nat({ ...HOME_NAT, hairpinning, filtering: 'endpoint-independent' })
      const [a, b] = [network.host(nat).socket(), network.host(nat).socket()]
      const outer = (await seenBy(near, b))!
      assert.equal(await reaches(a, outer, b), hairpinning)
      assert.equal(await reaches(a, b.endpoint, b), true)
    }
  })

  test('behind a carrier-grade NAT is one of two that a datagram passes, out and in', async () => {
    const carrier = network.nat(CARRIER_GRADE_NAT)
    const home = network.nat(HOME_NAT, carrier)
    const inner = network.host(home).socket(4000)
    const outer = (await seenBy(near, inner))!
    assert.equal(await reaches(near, outer, inner), true)
    assert.equal(await reaches(far, outer, inner), false)
    const neighbor = network.host(network.nat(HOME_NAT, carrier)).socket(4000)
    const theirs = (await seenBy(near, neighbor))!
    assert.equal(ipOf(theirs), ipOf(outer))
    inner.send(numbered(1), theirs)
    await clock.runFor(100)
    assert.equal(await reaches(neighbor, outer, inner), true)
  })

  test('that is rebound in mid-flow forgets its mappings and shows other ports', async () => {
    const nat = network.nat(HOME_NAT)
    const inner = network.host(nat).socket(4000)
    const before = (await seenBy(near, inner))!
    nat.rebind()
    assert.equal(await reaches(near, before, inner), false)
    const after = (await seenBy(near, inner))!
    assert.notEqual(after, before)
    assert.equal(await reaches(near, after, inner), true)
  })

  test('can be punched from both sides at once, unless one side shows every peer another port', async () => {
    for (const [behavior, punched] of [
      [HOME_NAT, true],
      [SYMMETRIC_NAT, false],
    ] as const) {
      const [a, b] = [network.host(network.nat(HOME_NAT)).socket(), network.host(network.nat(behavior)).socket()]
      const [outerA, outerB] = [(await seenBy(near, a))!, (await seenBy(near, b))!]
      const [atA, atB] = [new Listener(a), new Listener(b)]
      for (let i = 0; i < 3; i++) {
        a.send(numbered(i), outerB)
        b.send(numbered(i), outerA)
        await clock.runFor(100)
      }
      assert.deepEqual([atA.datagrams.length > 0, atB.datagrams.length > 0], [punched, punched])
    }
  })
})
