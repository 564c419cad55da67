import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Ip4 } from '../../../agent/core/ip.ts'
import { leaseKey, sealOwner } from '../../../agent/lease/lease-entry.ts'
import { deriveKeys } from '../../../agent/namespace/keys.ts'
import {
  dataPrefix,
  decodeMessage,
  encodeMessage,
  NONCE_BYTES,
  sessionId,
  tagOf,
} from '../../../agent/net/tunnel/messages.ts'
import { addressBytes } from '../../../agent/overlay/address.ts'
import { destinationOf, openIpv4, sourceOf } from '../../../agent/packet/ipv4.ts'
import { echoRequest, frameOf, PROTOCOL_TCP, packet, tcpSyn, udpFrame } from '../../packet/frames.ts'
import { type Host, ip, Lab } from '../lab.ts'

function pair(lab = new Lab()): { lab: Lab; a: Host; b: Host } {
  return { lab, a: lab.host('10.128.0.5'), b: lab.host('10.128.0.6') }
}

function drops(host: Host, reason: string): number {
  return host.network.counters()[`drop-${reason}`] ?? 0
}

/** Puts a datagram on the wire from `from` to `to` as if `from`'s agent had been changed to send it. */
function forge(from: Host, to: Host, body: Uint8Array): void {
  from.overlay.datagram(to.overlay.self, body)
}

/** Opens the session, then sends `packets` in it whatever they are. */
async function forgePackets(lab: Lab, from: Host, to: Host, ...packets: Uint8Array[]): Promise<Uint8Array[]> {
  await lab.ping(from, to)
  const confirm = lab.world.sent
    .map(({ body }) => decodeMessage(tagOf(lab.keys), body))
    .findLast((message) => message?.kind === 'confirm')
  assert.ok(confirm?.kind === 'confirm')
  const prefix = dataPrefix(tagOf(lab.keys), confirm.session)
  for (const each of packets) {
    forge(from, to, Uint8Array.of(...prefix, each.length >>> 8, each.length & 255, ...each))
  }
  await lab.clock.runFor(100)
  return to.tap.take()
}

describe('a packet for an address behind another node', () => {
  test('arrives there, from the agent, for the MAC that holds the lease', async () => {
    const { lab, a, b } = pair()
    const [frame, ...more] = await lab.ping(a, b)
    assert.ok(frame)
    assert.deepEqual(more, [])
    assert.deepEqual([...frame.subarray(0, 6)], [2, 0xaa, 0, 0, 0, 2])
    const arrived = openIpv4(frame.subarray(14))
    assert.ok(typeof arrived !== 'string')
    assert.equal(sourceOf(arrived), a.ip)
    assert.equal(destinationOf(arrived), b.ip)
  })

  test('costs one Get on either side, however many follow', async () => {
    const { lab, a, b } = pair()
    for (let i = 0; i < 20; i++) assert.equal((await lab.ping(a, b)).length, 1)
    for (let i = 0; i < 20; i++) assert.equal((await lab.ping(b, a)).length, 1)
    assert.equal(lab.dht.gets, 2)
  })

  test('travels with all others of one wake-up in one datagram', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    const before = lab.world.sent.length
    a.tap.inject(...Array.from({ length: 30 }, (_, i) => frameOf(echoRequest(a.ip, b.ip, i), a.mac)))
    assert.equal(lab.world.sent.length - before, 1)
    await lab.clock.runFor(10)
    assert.equal(b.tap.take().length, 30)
  })

  test('passes in a long flow, because what arrived is acknowledged as it arrives', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    const batch = Array.from({ length: 30 }, (_, i) => frameOf(echoRequest(a.ip, b.ip, i, 1300), a.mac))
    for (let i = 0; i < 50; i++) {
      a.tap.inject(...batch)
      await lab.clock.runFor(2)
    }
    await lab.clock.runFor(10)
    assert.equal(b.tap.take().length, 1500)
    assert.equal(drops(a, 'window-full'), 0)
  })

  test('waits while the address is resolved and the peer is greeted; the latest 32 are kept', async () => {
    const { lab, a, b } = pair()
    a.tap.inject(...Array.from({ length: 40 }, (_, i) => frameOf(echoRequest(a.ip, b.ip, i), a.mac)))
    await lab.clock.runFor(200)
    assert.equal(b.tap.take().length, 32)
    assert.equal(drops(a, 'hold-full'), 8)
  })

  test('is dropped and counted when nobody holds the address', async () => {
    const { lab, a, b } = pair()
    assert.deepEqual(await lab.ping(a, b, ip('10.128.9.9')), [])
    assert.equal(drops(a, 'no-such-address'), 1)
  })

  test('both ways at once opens the tunnel for both', async () => {
    const { lab, a, b } = pair()
    a.tap.inject(frameOf(echoRequest(a.ip, b.ip), a.mac))
    b.tap.inject(frameOf(echoRequest(b.ip, a.ip), b.mac))
    await lab.clock.runFor(2000)
    assert.equal(a.tap.take().length, 1)
    assert.equal(b.tap.take().length, 1)
    assert.equal((await lab.ping(a, b)).length, 1)
    assert.equal((await lab.ping(b, a)).length, 1)
  })

  test('is reported with its tunnel', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    const [report] = a.network.tunnels()
    assert.deepEqual(
      { ip: report?.ip, peer: report?.peer, carrier: report?.carrier, open: report?.open, tx: report?.txBytes },
      { ip: b.ip, peer: b.overlay.self, carrier: 'libp2p', open: true, tx: 84 },
    )
    assert.equal(report?.rttMs, 2)
    assert.equal(b.network.tunnels()[0]?.rxBytes, 84)
  })

  test('a SYN is clamped to the smaller tap of the two', async () => {
    const lab = new Lab()
    const large = lab.host('10.128.0.5', { mtu: 9000 })
    const small = lab.host('10.128.0.6', { mtu: 1400 })
    for (const [from, to] of [
      [large, small],
      [small, large],
    ] as const) {
      from.tap.inject(frameOf(tcpSyn(from.ip, to.ip, [2, 4, 0x22, 0xd8]), from.mac))
      await lab.clock.runFor(100)
      const [frame] = to.tap.take()
      assert.ok(frame)
      assert.equal((frame[14 + 42]! << 8) | frame[14 + 43]!, 1360)
    }
  })
})

describe('the handshake', () => {
  test('survives the loss of any one of its messages', async () => {
    for (const lost of ['hello', 'welcome', 'confirm']) {
      const { lab, a, b } = pair()
      let dropped = false
      lab.world.lose = (_from, _to, body) => {
        const hit = !dropped && decodeMessage(tagOf(lab.keys), body)?.kind === lost
        dropped ||= hit
        return hit
      }
      await lab.ping(a, b)
      await lab.clock.runFor(2000)
      assert.equal(dropped, true)
      b.tap.take()
      assert.equal((await lab.ping(a, b)).length, 1, `after a lost ${lost}`)
    }
  })

  test('is begun by a peer no more often than it has reason to', async () => {
    const { lab, a } = pair()
    const stranger = lab.world.node(99n)
    await lab.clock.complete(stranger.connect(a.overlay.self))
    for (let i = 0; i < 1_000; i++) {
      const nonce = lab.random.bytes(NONCE_BYTES)
      stranger.datagram(a.overlay.self, encodeMessage(tagOf(lab.keys), { kind: 'hello', nonce }))
      await lab.clock.runFor(1)
    }
    const welcomes = lab.world.sent.filter(({ to }) => to === stranger.self)
    assert.ok(welcomes.length > 0 && welcomes.length <= 11, `${welcomes.length} in a second`)
  })

  test('no packet passes in either direction when the secrets differ', async () => {
    const lab = new Lab()
    const a = lab.host('10.128.0.5')
    // The stranger knows the id and even reads the DHT, but proves with another secret.
    const other = deriveKeys(lab.keys.id, new Uint8Array(32).fill(2))
    const stranger = lab.host('10.128.0.6', {
      keys: { ...lab.keys, membership: other.membership },
      leaseKeys: lab.keys,
    })
    assert.deepEqual(await lab.ping(a, stranger), [])
    assert.deepEqual(await lab.ping(stranger, a), [])
    await lab.clock.runFor(5000)
    assert.deepEqual(a.tap.take(), [])
    assert.ok((a.network.counters()['handshake-refused'] ?? 0) > 0)
    assert.equal(a.network.tunnels()[0]?.open, false)
  })

  test('a recorded confirm does not open a session for another node, nor a second time', async () => {
    const { lab, a, b } = pair()
    const thief = lab.host('10.128.0.7')
    await lab.ping(a, b)
    const [confirm] = lab.world.sent.filter(({ body }) => decodeMessage(tagOf(lab.keys), body)?.kind === 'confirm')
    assert.ok(confirm)
    thief.overlay.links.add(b.overlay.self)
    b.overlay.links.add(thief.overlay.self)
    const before = b.network.counters()['tunnel-open']
    forge(thief, b, confirm.body)
    forge(a, b, confirm.body)
    await lab.clock.runFor(50)
    assert.equal(b.network.counters()['tunnel-open'], before)
  })

  test('a peer that sends our own proof back as its own is refused', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    const mirror = lab.host('10.128.0.7')
    mirror.network.stop()
    mirror.overlay.links.add(b.overlay.self)
    b.overlay.links.add(mirror.overlay.self)
    const tag = tagOf(lab.keys)
    const nonce = new Uint8Array(16).fill(5)
    forge(mirror, b, encodeMessage(tag, { kind: 'hello', nonce }))
    await lab.clock.runFor(10)
    const welcome = decodeMessage(tag, lab.world.sent.at(-1)?.body ?? new Uint8Array())
    assert.ok(welcome?.kind === 'welcome')
    const transcript = {
      initiator: mirror.overlay.self,
      responder: b.overlay.self,
      initiatorNonce: nonce,
      responderNonce: welcome.mine,
    }
    const before = b.network.counters()
    const session = sessionId(lab.keys, transcript)
    forge(mirror, b, encodeMessage(tag, { kind: 'confirm', session, proof: welcome.proof }))
    await lab.clock.runFor(10)
    assert.equal(b.network.counters()['handshake-refused'], (before['handshake-refused'] ?? 0) + 1)
    assert.equal(b.network.counters()['tunnel-open'], before['tunnel-open'])
  })

  test('packets from a peer without a session are refused, and the peer is told', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    const stranger = lab.host('10.128.0.8')
    stranger.overlay.links.add(b.overlay.self)
    b.overlay.links.add(stranger.overlay.self)
    const body = echoRequest(stranger.ip, b.ip)
    forge(stranger, b, Uint8Array.of(...dataPrefix(tagOf(lab.keys), 1234), 0, body.length, ...body))
    await lab.clock.runFor(50)
    assert.deepEqual(b.tap.take(), [])
    assert.equal(drops(b, 'no-session'), 1)
    const last = lab.world.sent.at(-1)
    assert.equal(decodeMessage(tagOf(lab.keys), last?.body ?? new Uint8Array())?.kind, 'unknown')
  })

  test('a peer that restarted is greeted anew, and packets flow again', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    b.network.stop()
    const again = lab.host('10.128.0.6', { node: b.overlay.self })
    again.overlay.links.add(a.overlay.self)
    await lab.ping(a, again)
    await lab.clock.runFor(2000)
    again.tap.take()
    assert.equal((await lab.ping(a, again)).length, 1)
    assert.equal((await lab.ping(again, a)).length, 1)
  })

  test('a datagram of another namespace is dropped', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    const other = deriveKeys('anothernamespace', new Uint8Array(32).fill(1))
    forge(a, b, encodeMessage(tagOf(other), { kind: 'hello', nonce: new Uint8Array(16) }))
    await lab.clock.runFor(10)
    assert.equal(drops(b, 'other-namespace'), 1)
  })

  test('corrupt datagrams are counted and never throw', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    const real = lab.world.sent.map(({ body }) => body)
    const corrupt = fc
      .tuple(fc.constantFrom(...real), fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 }), fc.nat(140))
      .map(([body, changes, length]) => {
        const copy = body.slice(0, length)
        for (const [at, value] of changes) if (at + 8 < copy.length) copy[at + 8] = value
        return copy
      })
    for (const body of fc.sample(fc.oneof(corrupt, fc.uint8Array({ maxLength: 100 })), 2000)) {
      a.overlay.links.add(b.overlay.self)
      forge(a, b, body)
    }
    await lab.clock.runFor(5000)
    assert.ok(drops(b, 'tunnel-malformed') > 0)
    b.tap.take()
    assert.equal((await lab.ping(a, b)).length, 1)
  })
})

describe('what a proven peer sends', () => {
  test('is dropped when its source belongs to somebody else, or to nobody', async () => {
    const { lab, a, b } = pair()
    const c = lab.host('10.128.0.7')
    const got = await forgePackets(
      lab,
      a,
      b,
      echoRequest(c.ip, b.ip),
      echoRequest(ip('10.128.5.5'), b.ip),
      echoRequest(b.ip, b.ip),
      echoRequest(ip('10.128.0.1'), b.ip),
    )
    assert.deepEqual(got, [])
    assert.equal(drops(b, 'peer-source-spoofed'), 4)
    const gets = lab.dht.gets
    await forgePackets(lab, a, b, echoRequest(c.ip, b.ip), echoRequest(c.ip, b.ip))
    assert.equal(lab.dht.gets, gets, 'a flood of it asks the DHT no more')
  })

  test('is dropped when it is malformed, too big, from outside the pool, or looks like DHCP', async () => {
    const { lab, a, b } = pair()
    const dhcp = udpFrame({ mac: a.mac, ip: a.ip, port: 67 }, { ip: b.ip, port: 68 }).subarray(14)
    const got = await forgePackets(
      lab,
      a,
      b,
      echoRequest(a.ip, b.ip).fill(0, 10, 12),
      echoRequest(a.ip, b.ip, 1, 1400),
      echoRequest(ip('192.168.0.1'), b.ip),
      dhcp,
      packet(17, a.ip, b.ip, Uint8Array.of(0, 68, 0)),
      Uint8Array.of(1, 2, 3),
    )
    assert.deepEqual(got, [])
    assert.deepEqual(
      ['peer-ipv4-checksum', 'peer-too-big', 'peer-source-outside-pool', 'peer-dhcp', 'peer-ipv4-short'].map((each) =>
        drops(b, each),
      ),
      [1, 1, 1, 2, 1],
    )
  })

  test('is dropped when the address it goes to has no full lease on this tap', async () => {
    const { lab, a, b } = pair()
    await forgePackets(
      lab,
      a,
      b,
      echoRequest(a.ip, ip('10.128.0.99')),
      echoRequest(a.ip, ip('10.128.255.255')),
      packet(PROTOCOL_TCP, a.ip, 0xffffffff as Ip4, new Uint8Array(20)),
    )
    assert.equal(drops(b, 'not-mine'), 3)
    assert.deepEqual(b.tap.take(), [])
  })
})

describe('an address that moves', () => {
  function move(from: Host, to: Host): void {
    from.leases.drop(from.ip)
    to.leases.grant(from.ip, to.mac)
  }

  test('is followed after "not mine" within two packets', async () => {
    const { lab, a, b } = pair()
    const c = lab.host('10.128.0.7')
    await lab.ping(a, b)
    move(b, c)
    c.tap.take()
    await lab.ping(a, b)
    assert.equal((await lab.ping(a, c, b.ip)).length, 1)
  })

  test('is accepted as a source from its new node', async () => {
    const { lab, a, b } = pair()
    const c = lab.host('10.128.0.7')
    await lab.ping(b, a)
    move(b, c)
    assert.equal((await lab.ping(c, a, a.ip, b.ip)).length, 1)
  })

  test('is asked for again when the link to its node breaks, before a packet needs it', async () => {
    const { lab, a, b } = pair()
    const c = lab.host('10.128.0.7')
    await lab.ping(a, b)
    move(b, c)
    lab.world.cut(a.overlay, b.overlay)
    await lab.clock.runFor(50)
    assert.equal((await lab.ping(a, c, b.ip)).length, 1)
    assert.equal(drops(b, 'not-mine'), 0)
  })

  test('is found at its new node after the old one died', async () => {
    const { lab, a, b } = pair()
    const c = lab.host('10.128.0.7')
    await lab.ping(a, b)
    lab.world.kill(b.overlay)
    b.network.stop()
    await lab.clock.runFor(500)
    move(b, c)
    for (let i = 0; i < 30; i++) await lab.ping(a, c, b.ip)
    assert.equal((await lab.ping(a, c, b.ip)).length, 1)
  })
})

describe('the way to a peer', () => {
  test('is opened again when the link broke, without losing the packet that notices', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    lab.world.cut(a.overlay, b.overlay)
    assert.equal((await lab.ping(a, b)).length, 1)
  })

  test('to a dead node is tried again ever more slowly, not with every packet', async () => {
    const { lab, a, b } = pair()
    lab.world.kill(b.overlay)
    for (let i = 0; i < 300; i++) await lab.ping(a, b)
    assert.ok(a.overlay.connects > 3 && a.overlay.connects < 15, `${a.overlay.connects} attempts in 30 s`)
  })

  test('that swallows everything is given up while traffic flows, and an idle one is not watched', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    await lab.clock.runFor(30_000)
    const quiet = lab.world.sent.length
    await lab.clock.runFor(60_000)
    assert.equal(lab.world.sent.length, quiet, 'no heartbeat without traffic')
    lab.world.lose = () => true
    for (let i = 0; i < 120; i++) await lab.ping(a, b)
    assert.ok((a.network.counters()['peer-silent'] ?? 0) > 0)
  })
})

test('the owner in the DHT, not who asks, decides where packets go', async () => {
  const { lab, a, b } = pair()
  // An entry that no member wrote is as good as none.
  lab.dht.put(leaseKey(lab.keys, ip('10.128.0.50')), addressBytes(b.overlay.self))
  assert.deepEqual(await lab.ping(a, b, ip('10.128.0.50')), [])
  lab.dht.put(leaseKey(lab.keys, ip('10.128.0.51')), sealOwner(lab.keys, ip('10.128.0.51'), a.overlay.self, lab.random))
  assert.deepEqual(await lab.ping(a, b, ip('10.128.0.51')), [])
  assert.equal(drops(a, 'owner-is-self'), 1)
})
