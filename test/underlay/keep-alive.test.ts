import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keyPairOf } from '../../agent/core/ed25519.ts'
import type { UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import { KeepAlive } from '../../agent/underlay/keep-alive.ts'
import { LATER_NONCE_BYTES, laterBody } from '../../agent/underlay/late-answers.ts'
import { Sessions } from '../../agent/underlay/sessions.ts'
import type { SimHost, SimNat } from '../../sim/datagram-host.ts'
import { HOME_NAT, SYMMETRIC_NAT } from '../../sim/datagram-nat.ts'
import { DatagramNetwork } from '../../sim/datagram-network.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

class World {
  readonly clock = new VirtualClock()
  readonly random = new SeededRandom(1)
  readonly network = new DatagramNetwork(this.clock, this.random.fork())
  readonly witness = this.sessions(this.network.host())

  sessions(host: SimHost, silence?: KeepAlive) {
    const socket = host.socket()
    const identity = keyPairOf(this.random.bytes(32))
    const { clock } = this
    const ground = { socket, identity, ringKey: undefined, clock, random: this.random.fork() }
    return { endpoint: socket.endpoint, sessions: new Sessions({ ...ground, ...(silence && { silence }) }) }
  }

  /** A node that has one session, with the witness, and measures. */
  async measuring(nat?: SimNat) {
    const { clock } = this
    const host = this.network.host(nat)
    const opened: UdpEndpoint[] = []
    const openSocket = async () => {
      const socket = host.socket()
      opened.push(socket.endpoint)
      return socket
    }
    const silence = new KeepAlive({ clock, random: this.random.fork(), openSocket })
    const { sessions, endpoint } = this.sessions(host, silence)
    const session = await clock.complete(sessions.connect(this.witness.endpoint))
    silence.isAt('home')
    silence.start({ witnesses: () => [session], receive: (datagram, from) => sessions.receive(datagram, from) })
    return { silence, session, host, opened, endpoint }
  }

  nat(timeoutMs: number, behavior = HOME_NAT): SimNat {
    return this.network.nat({ ...behavior, timeoutMs })
  }
}

describe('a node that measures how long its links may be silent', () => {
  for (const [nat, timeoutMs, allowedMs] of [
    ['forgets after 15 s', 15_000, 10_000],
    ['forgets after 30 s', 30_000, 20_000],
    ['forgets after 60 s', 60_000, 40_000],
    ['forgets after 2 min, as RFC 4787 asks', 120_000, 80_000],
  ] as const) {
    test(`finds a time that is safe behind a NAT that ${nat}, whatever its ports`, async () => {
      for (const behavior of [HOME_NAT, SYMMETRIC_NAT]) {
        const world = new World()
        const { silence, session } = await world.measuring(world.nat(timeoutMs, behavior))
        await world.clock.runFor(900_000)
        assert.equal(silence.allowedMs, allowedMs)
        assert.ok(session.quietMs < timeoutMs)
      }
    })
  }

  test('says little where nothing before it forgets', async () => {
    const world = new World()
    const { silence, session } = await world.measuring()
    assert.equal(session.quietMs, 15_000)
    await world.clock.runFor(300_000)
    assert.equal(silence.isProven, true)
    assert.equal(session.quietMs, 60_000)
  })

  test('never takes a longer silence than its NAT allows on the way there, also where datagrams are lost', async () => {
    const world = new World()
    world.network.weather.loss = 0.05
    const { silence } = await world.measuring(world.nat(60_000))
    for (let i = 0; i < 240; i++) {
      await world.clock.runFor(30_000)
      assert.ok(silence.allowedMs <= 60_000)
    }
    assert.equal(silence.allowedMs, 40_000)
  })

  test('puts no session at risk: it measures from sockets of their own, and its peer sees no move', async () => {
    const world = new World()
    const { opened, endpoint } = await world.measuring(world.nat(30_000))
    await world.clock.runFor(600_000)
    assert.ok(opened.length >= 3)
    assert.ok(!opened.includes(endpoint))
    assert.equal(world.witness.sessions.counters.get('sessions-moved'), 0)
  })

  test('goes back when its NAT begins to forget sooner', async () => {
    const world = new World()
    const nat = world.nat(120_000)
    const { silence } = await world.measuring(nat)
    await world.clock.runFor(600_000)
    assert.equal(silence.allowedMs, 80_000)
    Object.assign(nat.table.behavior, { timeoutMs: 30_000 })
    await world.clock.runFor(2_000_000)
    assert.equal(silence.allowedMs, 20_000)
  })

  test('begins again where it is somewhere else, and learns nothing there from a measurement that began before', async () => {
    const world = new World()
    const { silence } = await world.measuring()
    await world.clock.runFor(300_000)
    silence.isAt('a hotel')
    assert.equal(silence.allowedMs, 20_000)
    assert.equal(silence.isProven, false)
    await world.clock.runFor(300_000)
    assert.equal(silence.allowedMs, 80_000)
  })

  test('stays with what it assumes when nobody answers, or no socket can be had', async () => {
    const world = new World()
    const { silence, session } = await world.measuring()
    world.network.canTalk = () => false
    await world.clock.runFor(150_000)
    assert.equal(silence.allowedMs, 20_000)
    session.close()
    const openSocket = () => Promise.reject(new Error('no port is free'))
    const poor = new KeepAlive({ clock: world.clock, random: world.random, openSocket })
    poor.start({ witnesses: () => [session], receive: () => {} })
    await world.clock.runFor(300_000)
    assert.equal(poor.isProven, false)
    poor.stop()
  })
})

describe('a peer that asks for a late answer', () => {
  test('gets no more bytes than it sent, once a second, and none when it asks for an answer after hours', async () => {
    const world = new World()
    const { session, host, silence } = await world.measuring()
    silence.stop()
    const beside = host.socket()
    const got: number[] = []
    beside.onDatagram = (datagram) => got.push(datagram.length)
    let sent = 0
    const socket = {
      send: (datagram: Uint8Array, to: UdpEndpoint) => {
        sent = datagram.length
        beside.send(datagram, to)
      },
    }
    const nonce = new Uint8Array(LATER_NONCE_BYTES)
    for (let i = 0; i < 20; i++) session.askLater(socket, laterBody(5, nonce))
    await world.clock.runFor(10_000)
    assert.equal(got.length, 2)
    assert.ok(got[0]! + got[1]! <= sent)
    session.askLater(socket, laterBody(40_000, nonce))
    await world.clock.runFor(50_000_000)
    assert.equal(got.length, 3)
  })
})
