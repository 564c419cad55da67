import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Link } from '../../../agent/overlay/link.ts'
import { FAN_AFTER_MS, SPRAY_SPACING_MS } from '../../../agent/transport/constants.ts'
import type { UdpLink } from '../../../agent/transport/udp/link.ts'
import type { UdpLinks } from '../../../agent/transport/udp/links.ts'
import { FAN_LIMIT_MS, FAN_SOCKETS } from '../../../agent/underlay/constants.ts'
import type { SimHost } from '../../../sim/datagram-host.ts'
import { HOME_NAT, SYMMETRIC_NAT } from '../../../sim/datagram-nat.ts'
import { arriving, contactOf, pattern, Recorder } from '../link-layer.suite.ts'
import { VirtualUdp } from './worlds.ts'

const NONCE = new Uint8Array(16).fill(1)

describe('a node behind a NAT that gives each far end another port, and one behind a NAT that lets in whom it has sent to', () => {
  let world: VirtualUdp
  let relay: UdpLinks
  let hardHost: SimHost
  let hard: UdpLinks
  let easy: UdpLinks
  let atEasy: Link[]
  let relayed: UdpLink

  beforeEach(async () => {
    world = new VirtualUdp()
    relay = await world.node()
    const other = await world.node()
    hardHost = world.network.host(world.network.nat(SYMMETRIC_NAT))
    hard = await world.node(hardHost)
    easy = await world.node(world.network.host(world.network.nat(HOME_NAT)))
    for (const node of [hard, easy]) {
      for (const open of [relay, other]) await world.run(node.dial(contactOf(open)))
    }
    await world.clock.runFor(1_000)
    atEasy = arriving(easy)
    relayed = (await world.run(hard.dialThrough(relay.self, contactOf(easy)))) as UdpLink
    await world.until(() => atEasy.length === 1)
  })

  const sprays = () => easy.outcomes().sprays ?? 0

  test('are linked directly soon after their relayed link carries data', async () => {
    const atHard = arriving(hard)
    relayed.send(pattern(100, 1), 'bulk')
    await world.until(() => atHard.length === 1 && atEasy.length === 2)
    const [near, far] = [new Recorder(atHard[0]!), new Recorder(atEasy[1]!)]
    assert.deepEqual([near.link.relayed, far.link.relayed], [false, false])
    near.link.send(pattern(50_000, 2))
    far.link.send(pattern(50_000, 3))
    await world.until(() => near.frames.length + far.frames.length === 2)
    assert.deepEqual([near.frames, far.frames], [[pattern(50_000, 3)], [pattern(50_000, 2)]])
    assert.equal(hardHost.openSockets, 2)
  })

  test('have no socket more when their direct link has ended', async () => {
    const atHard = arriving(hard)
    relayed.send(pattern(100, 1), 'bulk')
    await world.until(() => atHard.length === 1)
    relayed.close()
    atHard[0]!.close()
    await world.clock.runFor(2_000)
    assert.equal(hardHost.openSockets, 1)
  })

  test('leave their link relayed while it carries only what the ring says', async () => {
    for (let i = 0; i < 20; i++) {
      relayed.send(pattern(100, i), 'control')
      await world.clock.runFor(1_000)
    }
    assert.deepEqual([sprays(), hardHost.openSockets], [0, 1])
  })

  test('end without more sockets when nothing is found, and try again later', async () => {
    const { canTalk } = world.network
    // Only what the relay carries passes.
    const [, at = ''] = /\/ip4\/([\d.]+)\//.exec(relay.endpoints()[0] ?? '') ?? []
    world.network.canTalk = (from, to) => [from, to].some(({ ip }) => ip === at)
    relayed.send(pattern(100, 1), 'bulk')
    await world.clock.runFor(FAN_AFTER_MS + 2_000)
    assert.ok(hardHost.openSockets > 100 && hardHost.openSockets <= FAN_SOCKETS + 1)
    await world.clock.runFor(FAN_LIMIT_MS)
    assert.deepEqual([sprays(), hardHost.openSockets], [1, 1])
    world.network.canTalk = canTalk
    await world.until(() => sprays() > 1)
  })

  test('a peer has probes sent only now and then, and never to the loopback or a group', async () => {
    for (const ip of ['127.0.0.1', '224.0.0.1', '0.0.0.0', 'nonsense']) relayed.say({ kind: 'fan', ip, nonce: NONCE })
    await world.clock.runFor(1_000)
    assert.equal(sprays(), 0)
    for (let second = 0; second < 60; second++) {
      relayed.say({ kind: 'fan', ip: '198.18.0.99', nonce: NONCE })
      await world.clock.runFor(1_000)
    }
    assert.ok(sprays() <= Math.ceil(60_000 / SPRAY_SPACING_MS), `${sprays()} times in a minute`)
  })

  for (const endpoint of ['127.0.0.1:53', '255.255.255.255:9', '224.0.0.1:9', '[2001:db8::1]:9', 'nonsense']) {
    test(`a peer has no probes sent to ${endpoint} by an answer`, async () => {
      const far = atEasy[0] as UdpLink
      const say = far.say.bind(far)
      far.say = (word) => say(word.kind === 'aim' ? { kind: 'aim', endpoint } : word)
      relayed.send(pattern(100, 1), 'bulk')
      await world.clock.runFor(FAN_AFTER_MS + 5_000)
      assert.deepEqual([sprays() > 0, hard.outcomes().fans], [true, undefined])
    })
  }

  test('an answer that nobody asked for changes nothing', async () => {
    relayed.say({ kind: 'aim', endpoint: '198.18.0.99:9' })
    await world.clock.runFor(FAN_LIMIT_MS)
    assert.deepEqual([easy.outcomes().fans, relayed.isOpen], [undefined, true])
  })
})
