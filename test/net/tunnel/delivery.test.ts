import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { leaseKey, sealOwner } from '../../../agent/lease/lease-entry.ts'
import { addressBytes } from '../../../agent/overlay/address.ts'
import { destinationOf, openIpv4, sourceOf } from '../../../agent/packet/ipv4.ts'
import { echoRequest, frameOf, tcpSyn } from '../../packet/frames.ts'
import { ip, Lab } from '../lab.ts'
import { drops, pair } from './pair.ts'

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
      { ip: b.ip, peer: b.overlay.self, carrier: 'link', open: true, tx: 84 },
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

test('the owner in the DHT, not who asks, decides where packets go', async () => {
  const { lab, a, b } = pair()
  // An entry that no member wrote is as good as none.
  lab.dht.put(leaseKey(lab.keys, ip('10.128.0.50')), addressBytes(b.overlay.self))
  assert.deepEqual(await lab.ping(a, b, ip('10.128.0.50')), [])
  lab.dht.put(leaseKey(lab.keys, ip('10.128.0.51')), sealOwner(lab.keys, ip('10.128.0.51'), a.overlay.self, lab.random))
  assert.deepEqual(await lab.ping(a, b, ip('10.128.0.51')), [])
  assert.equal(drops(a, 'owner-is-self'), 1)
})
