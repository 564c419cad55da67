import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DEMOTE_AFTER_MS, FULL_RATE_HOSTS, LOOK_PERIOD_MAX_MS } from '../../agent/condor/constants.ts'
import { managerKey, sealMandate } from '../../agent/condor/manager-entry.ts'
import { utf8 } from '../../agent/core/bytes.ts'
import { parseIp4 } from '../../agent/core/ip.ts'
import { type PoolHost, type PoolOptions, SimPool } from '../../sim/sim-pool.ts'

/** From a manager's death until all follow another, ms: the entry's life, patience, a campaign, a look. */
const SUCCESSION_MS = 45_000
/** From the first host until all agree, ms: as long as a succession, because a failed campaign must expire first. */
const ASSEMBLY_MS = SUCCESSION_MS

async function poolOf(size: number, seed: number, options: (i: number) => PoolOptions = () => ({})): Promise<SimPool> {
  const sim = new SimPool(seed)
  for (let i = 0; i < size; i++) {
    sim.bootHost(undefined, options(i))
    await sim.clock.runFor(200)
  }
  assert.ok(await sim.clock.runUntilTrue(() => sim.agree(), ASSEMBLY_MS), 'the hosts agree on a manager')
  return sim
}

function managerOf(sim: SimPool): PoolHost {
  const [manager] = sim.managers()
  assert.ok(manager)
  return manager
}

async function successor(sim: SimPool): Promise<PoolHost> {
  assert.ok(await sim.clock.runUntilTrue(() => sim.agree(), SUCCESSION_MS), 'another manager is found')
  return managerOf(sim)
}

describe('the election of a manager, in virtual time', () => {
  test('a lone host manages itself, in term 1', async () => {
    const sim = await poolOf(1, 1)
    assert.equal(managerOf(sim).election.view.manager?.term, 1)
  })

  test('ten hosts that start at the same moment make one pool', async () => {
    for (let seed = 10; seed < 16; seed++) {
      const sim = new SimPool(seed)
      const first = sim.bootHost()
      for (let i = 1; i < 10; i++) sim.bootHost([first.address])
      assert.ok(await sim.clock.runUntilTrue(() => sim.agree(), ASSEMBLY_MS), `seed ${seed}`)
      assert.equal(await sim.passWatching(60_000), 1)
      assert.deepEqual(sim.sharedTerms(), [])
      assert.equal(sim.lastTerm(), managerOf(sim).election.view.manager?.term)
    }
  })

  test('a manager stays as long as it stands, whoever comes', async () => {
    const sim = await poolOf(5, 2)
    const manager = managerOf(sim)
    for (let i = 0; i < 5; i++) {
      sim.bootHost()
      await sim.clock.runFor(10_000)
    }
    assert.equal(managerOf(sim).address, manager.address)
    assert.ok(sim.agree())
    assert.equal(sim.lastTerm(), manager.election.view.manager?.term)
  })

  test('when the manager loses its power another takes over in a greater term, within the time stated', async () => {
    for (let seed = 20; seed < 28; seed++) {
      const sim = await poolOf(8, seed)
      await sim.clock.runFor(sim.random.below(10_000))
      const before = managerOf(sim)
      sim.powerOff(before)
      const after = await successor(sim)
      assert.ok(after.election.view.manager!.term > before.election.view.manager!.term)
      assert.deepEqual(sim.sharedTerms(), [])
    }
  })

  test('managers that die one after another never share a term, and never two lead at a time', async () => {
    const sim = await poolOf(8, 3)
    for (let i = 0; i < 6; i++) {
      const before = managerOf(sim)
      sim.powerOff(before)
      sim.bootHost()
      assert.ok((await sim.passWatching(SUCCESSION_MS)) <= 1)
      assert.notEqual(managerOf(sim).address, before.address)
    }
    assert.deepEqual(sim.sharedTerms(), [])
    assert.equal(sim.terms.size, 7)
  })

  test('terms go on growing when every host was off', async () => {
    const sim = await poolOf(5, 4)
    const term = sim.lastTerm()
    const keeper = sim.boot()
    await sim.clock.runFor(5_000)
    for (const host of sim.poolHosts().filter((host) => host?.election !== undefined)) {
      sim.powerOff(host)
      await sim.clock.runFor(5_000)
    }
    for (let i = 0; i < 3; i++) sim.bootHost([keeper.address])
    const leads = () => sim.poolHosts().some((host) => host?.election.view.leading)
    assert.ok(await sim.clock.runUntilTrue(leads, SUCCESSION_MS))
    assert.ok(sim.lastTerm() > term)
  })

  test('a manager that is told to stop hands over without waiting for its entry to end', async () => {
    const sim = await poolOf(5, 5)
    const before = managerOf(sim)
    await sim.clock.complete(before.election.stop())
    const taken = () => sim.managers().length === 1 && managerOf(sim).address !== before.address
    assert.ok(await sim.clock.runUntilTrue(taken, 15_000))
  })

  test('a manager that cannot renew demotes itself before another leads', async () => {
    for (let seed = 30; seed < 36; seed++) {
      const sim = await poolOf(8, seed)
      const mute = managerOf(sim)
      await sim.clock.runFor(sim.random.below(10_000))
      const mutedAt = sim.clock.now()
      mute.dht.recreate = async () => ({ votes: [], accepted: 0, won: false, lost: false })
      assert.ok((await sim.passWatching(SUCCESSION_MS)) <= 1)
      assert.notEqual(managerOf(sim).address, mute.address)
      assert.ok(sim.clock.now() > mutedAt + DEMOTE_AFTER_MS)
      assert.deepEqual(sim.sharedTerms(), [])
    }
  })

  test('a manager that is cut off from all others never leads them again in its old term', async () => {
    for (let seed = 70; seed < 74; seed++) {
      const sim = await poolOf(8, seed)
      const cut = managerOf(sim)
      const { term } = cut.election.view.manager!
      sim.network.canTalk = (a, b) => (a === cut.address) === (b === cut.address)
      await sim.clock.runFor(SUCCESSION_MS)
      sim.network.canTalk = () => true
      assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole() && sim.agree(), SUCCESSION_MS), `seed ${seed}`)
      assert.ok(managerOf(sim).election.view.manager!.term > term, `seed ${seed}`)
    }
  })

  test('a partition that heals leaves one manager, in a term that none on the other side had', async () => {
    for (let seed = 40; seed < 46; seed++) {
      const sim = await poolOf(12, seed)
      const half = new Map([...sim.nodes.keys()].map((address) => [address, sim.random.below(2)]))
      sim.network.canTalk = (a, b) => half.get(a) === half.get(b)
      await sim.clock.runFor(60_000)
      assert.equal(sim.managers().length, 2, `seed ${seed}: each side has a manager`)
      const parted = sim.managers().map(({ election }) => election.view.manager!)
      sim.network.canTalk = () => true
      assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole() && sim.agree(), 60_000), `seed ${seed}`)
      await sim.clock.runFor(30_000)
      assert.ok(sim.agree())
      const { term, node } = managerOf(sim).election.view.manager!
      for (const other of parted) if (other.node !== node) assert.ok(term > other.term, `seed ${seed}`)
    }
  })

  test('a manager that slept is a member when it wakes, and nobody follows its old term', async () => {
    for (let seed = 50; seed < 54; seed++) {
      const sim = await poolOf(8, seed)
      const sleeper = managerOf(sim)
      const { term } = sleeper.election.view.manager!
      sim.hold(sleeper, 'sleep')
      const led = () => sim.managers().some(({ address }) => address !== sleeper.address)
      assert.ok(await sim.clock.runUntilTrue(led, SUCCESSION_MS))
      sim.resume(sleeper)
      assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole() && sim.agree(), SUCCESSION_MS), `seed ${seed}`)
      assert.ok(managerOf(sim).election.view.manager!.term > term)
      assert.deepEqual(sim.sharedTerms(), [])
    }
  })

  test('it is the machine with a cable that leads, not the laptops', async () => {
    const sim = await poolOf(6, 6, (i) => ({ standing: { onBattery: i !== 3 } }))
    const cabled = sim.poolHosts()[3]!
    if (managerOf(sim).address !== cabled.address) {
      // A laptop that was alone at first had to lead; the next time it does not.
      sim.powerOff(managerOf(sim))
      await successor(sim)
    }
    assert.equal(managerOf(sim).address, cabled.address)
  })

  test('who may not lead never does, and follows', async () => {
    const sim = await poolOf(4, 7, (i) => ({ standing: { fit: i === 2 } }))
    assert.equal(managerOf(sim).address, sim.poolHosts()[2]!.address)
    sim.powerOff(managerOf(sim))
    await sim.clock.runFor(SUCCESSION_MS * 2)
    assert.deepEqual(sim.managers(), [])
  })

  test('an entry that names no address of the namespace is not followed, and is said', async () => {
    const sim = new SimPool(8)
    const [liar, ...others] = [sim.boot(), sim.bootHost(), sim.bootHost()]
    await sim.clock.runFor(3_000)
    for (const { election } of others as PoolHost[]) await sim.clock.complete(election.stop())
    await sim.clock.runFor(2_000)
    const mandate = { term: 9, ip: parseIp4('192.0.2.1')!, node: liar.address, hosts: 1, slots: 1, wallS: 0 }
    const value = sealMandate(sim.keys, 'main', mandate, sim.random)
    const created = await sim.clock.complete(liar.dht.create(managerKey(sim.keys, 'main'), utf8('x'), value, 60_000))
    assert.equal(created.won, true)
    const honest = sim.bootHost([liar.address])
    await sim.clock.runFor(10_000)
    assert.match(honest.election.problem ?? '', /no address of this namespace/)
    assert.equal(honest.election.view.manager, undefined)
  })

  test('lost messages and slow clocks lead to no second manager', async () => {
    for (let seed = 60; seed < 63; seed++) {
      const sim = await poolOf(8, seed, (i) => ({ clockRate: 1 + (i - 4) / 200 }))
      sim.network.weather.loss = 0.1
      for (let i = 0; i < 4; i++) {
        sim.powerOff(managerOf(sim))
        assert.ok((await sim.passWatching(70_000)) <= 1)
        sim.bootHost()
      }
      assert.deepEqual(sim.sharedTerms(), [])
    }
  })

  test('a wall clock that is wrong is seen, and decides nothing', async () => {
    const sim = await poolOf(3, 9)
    const late = sim.bootHost(undefined, { aheadS: -3_600 })
    assert.ok(await sim.clock.runUntilTrue(() => sim.agree(), ASSEMBLY_MS))
    assert.ok(Math.abs(late.election.skewS + 3_600) < 3, `${late.election.skewS} s`)
    for (const { election } of sim.poolHosts().slice(0, 3)) assert.ok(Math.abs(election.skewS) < 3)
  })

  test('in a pool of a thousand each host looks now and then only', async () => {
    const sim = await poolOf(6, 10)
    const manager = managerOf(sim)
    manager.election.setLoad({ hosts: 1_000, slots: 8_000 })
    await sim.clock.runFor(30_000)
    let gets = 0
    for (const { dht, address } of sim.poolHosts()) {
      if (address === manager.address) continue
      const { get } = dht
      dht.get = (key) => {
        gets++
        return get.call(dht, key)
      }
    }
    const minutes = 20
    await sim.clock.runFor(minutes * 60_000)
    const fullRate = 5 * minutes * 6
    assert.ok(gets < fullRate / 4, `${gets} looks of 5 hosts in ${minutes} min`)
    assert.ok(gets > (5 * minutes * 60_000) / LOOK_PERIOD_MAX_MS / 2, 'but they do look')
    assert.ok(1_000 > FULL_RATE_HOSTS)
  })
})
