/** What the faults of a story mean where a ring runs over UDP. */

import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { SimCluster, type SimHost } from '../../sim/sim-cluster.ts'
import { UdpNetwork } from '../../sim/udp-network.ts'

/** A ring over UDP, the first host of which is on the Internet. */
class Hosts {
  readonly sim = new SimCluster(3, { network: (clock, random) => new UdpNetwork(clock, random) })

  async open(count: number): Promise<SimHost[]> {
    const first = this.sim.boot([])
    const others = Array.from({ length: count - 1 }, () => this.sim.boot([first.address]))
    await this.whole()
    return [first, ...others]
  }

  async whole(limitMs = 30_000): Promise<void> {
    assert.ok(await this.sim.clock.runUntilTrue(() => this.sim.isWhole(), limitMs), 'the ring is whole')
  }

  isLinked(from: SimHost, to: SimHost): boolean {
    return from.ring.status().links.some(({ peer }) => peer === to.address)
  }

  /** Time until a host is no longer linked to another one, ms. */
  async unlinkedAfterMs(from: SimHost, to: SimHost): Promise<number> {
    const since = this.sim.clock.now()
    assert.ok(await this.sim.clock.runUntilTrue(() => !this.isLinked(from, to), 20_000))
    return this.sim.clock.now() - since
  }
}

describe('over UDP', () => {
  let hosts: Hosts
  let sim: Hosts['sim']

  beforeEach(() => {
    hosts = new Hosts()
    sim = hosts.sim
  })

  test('a killed process is missed at once, and a machine without power after some silence', async () => {
    const [a, b, c] = (await hosts.open(4)) as [SimHost, SimHost, SimHost]
    sim.kill(b)
    assert.ok((await hosts.unlinkedAfterMs(a, b)) < 1_500)
    sim.powerOff(c)
    assert.ok((await hosts.unlinkedAfterMs(a, c)) > 1_500)
    await hosts.whole()
  })

  test('a host that starts again is at its old place with its old address', async () => {
    const [, b] = (await hosts.open(3)) as [SimHost, SimHost]
    const before = sim.network.endpointsOf(b.address)
    sim.powerOff(b)
    await sim.clock.runFor(5_000)
    const again = sim.restart(b, sim.someMembers(1))
    await hosts.whole()
    assert.equal(again.address, b.address)
    assert.deepEqual(sim.network.endpointsOf(b.address), before)
  })

  test('a host that lost its power while it stood still hears again once it starts', async () => {
    const [, b] = (await hosts.open(3)) as [SimHost, SimHost]
    sim.hold(b, 'stall')
    sim.powerOff(b)
    sim.restart(b, sim.someMembers(1))
    await hosts.whole()
  })

  test('a NAT that forgets its mappings in mid-flow is found out, and the host behind it stays in the ring', async () => {
    await hosts.open(3)
    for (const nat of ['cone', 'symmetric', 'outgoing'] as const) {
      const hidden = sim.boot(sim.someMembers(1), { nat })
      await hosts.whole()
      sim.network.rebind(hidden.address)
      await sim.clock.runFor(20_000)
      await hosts.whole()
    }
  })

  test('what one host sends to another can be lost while the other direction works', async () => {
    const [a, b] = (await hosts.open(2)) as [SimHost, SimHost]
    sim.network.canTalk = (from, to) => !(from === a.address && to === b.address)
    await hosts.unlinkedAfterMs(b, a)
    sim.network.canTalk = () => true
    await hosts.whole()
  })
})
