import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Ip4, Mac } from '../../agent/core/ip.ts'
import { AGENT_MAC } from '../../agent/net/constants.ts'
import { buildArp, parseArp } from '../../agent/packet/arp.ts'
import { BROADCAST_MAC, sourceMac } from '../../agent/packet/ethernet.ts'
import { destinationOf, openIpv4 } from '../../agent/packet/ipv4.ts'
import { arpRequest, echoRequest, frameOf, udpFrame } from '../packet/frames.ts'
import { ip, Lab } from './lab.ts'

const NEIGHBOUR_MAC = '02:bb:00:00:00:01' as Mac

function setUp() {
  const lab = new Lab()
  const host = lab.host('10.128.0.5')
  return { lab, host, me: { mac: host.mac, ip: host.ip } }
}

describe('ARP on the tap', () => {
  test('any other address of the pool answers with the MAC of the agent', () => {
    const { host, me } = setUp()
    host.tap.inject(arpRequest(me, ip('10.128.77.1')))
    const [answer] = host.tap.take()
    assert.ok(answer)
    assert.equal(sourceMac(answer), AGENT_MAC)
    const arp = parseArp(answer)
    assert.equal(arp?.operation, 2)
    assert.equal(arp?.senderIp, ip('10.128.77.1'))
    assert.equal(arp?.targetIp, host.ip)
  })

  test('the service address answers, also a probe', () => {
    const { host, me } = setUp()
    host.tap.inject(arpRequest(me, ip('10.128.0.1')), arpRequest({ mac: host.mac, ip: 0 as Ip4 }, ip('10.128.0.1')))
    assert.equal(host.tap.take().length, 2)
  })

  test('the probe of a client for its own address passes unanswered, so that duplicate detection passes', () => {
    const { host } = setUp()
    host.tap.inject(arpRequest({ mac: host.mac, ip: 0 as Ip4 }, host.ip))
    assert.deepEqual(host.tap.take(), [])
    assert.equal(host.network.counters()['drop-arp-probe'], 1)
  })

  test('announcements, replies and addresses outside the pool are not answered', () => {
    const { host, me } = setUp()
    const macOf = new Uint8Array(6)
    host.tap.inject(
      arpRequest(me, host.ip),
      arpRequest({ mac: host.mac, ip: ip('10.128.4.4') }, ip('10.128.4.4')),
      buildArp(2, { mac: macOf, ip: host.ip }, { mac: macOf, ip: host.ip }, macOf.fill(255)),
      arpRequest(me, ip('192.168.1.1')),
      arpRequest(me, ip('10.128.255.255')),
      arpRequest(me, ip('10.128.0.0')),
    )
    assert.deepEqual(host.tap.take(), [])
  })

  test('another client behind the same tap answers for itself', () => {
    const { host, me } = setUp()
    host.leases.grant(ip('10.128.0.6'), NEIGHBOUR_MAC)
    host.tap.inject(arpRequest(me, ip('10.128.0.6')))
    assert.deepEqual(host.tap.take(), [])
    assert.equal(host.network.counters()['drop-arp-local'], 1)
  })
})

describe('the service address', () => {
  test('answers an echo request', () => {
    const { host } = setUp()
    host.tap.inject(frameOf(echoRequest(host.ip, ip('10.128.0.1')), host.mac))
    const [answer] = host.tap.take()
    assert.ok(answer)
    const reply = openIpv4(answer.subarray(14))
    assert.ok(typeof reply !== 'string')
    assert.equal(destinationOf(reply), host.ip)
    assert.equal(reply[20], 0)
  })
})

describe('a frame from the tap', () => {
  test('to another client of the same tap turns round when it comes to the agent', () => {
    const { host } = setUp()
    host.leases.grant(ip('10.128.0.6'), NEIGHBOUR_MAC)
    host.tap.inject(frameOf(echoRequest(host.ip, ip('10.128.0.6')), host.mac))
    const [frame] = host.tap.take()
    assert.ok(frame)
    assert.deepEqual([...frame.subarray(0, 6)], [2, 0xbb, 0, 0, 0, 1])
  })

  test('is dropped with its reason when it cannot or must not be carried', async () => {
    const { lab, host } = setUp()
    const cases: [string, Uint8Array][] = [
      ['source-not-leased', frameOf(echoRequest(ip('10.128.3.3'), ip('10.128.0.9')), host.mac)],
      ['outside-pool', frameOf(echoRequest(host.ip, ip('8.8.8.8')), host.mac)],
      ['group-address', frameOf(echoRequest(host.ip, ip('224.0.0.251')), host.mac, BROADCAST_MAC)],
      ['group-address', frameOf(echoRequest(host.ip, ip('10.128.255.255')), host.mac, BROADCAST_MAC)],
      ['other-station', frameOf(echoRequest(host.ip, ip('10.128.0.9')), host.mac, NEIGHBOUR_MAC)],
      ['too-big', frameOf(echoRequest(host.ip, ip('10.128.0.9'), 1, 1400), host.mac)],
      ['frame-short', new Uint8Array(9)],
      ['ipv4-checksum', frameOf(echoRequest(host.ip, ip('10.128.0.9')).fill(9, 8, 9), host.mac)],
      ['dhcp-elsewhere', udpFrame({ mac: host.mac, ip: host.ip, port: 68 }, { ip: ip('10.128.0.9'), port: 67 })],
    ]
    for (const [reason, frame] of cases) {
      const before = host.network.counters()[`drop-${reason}`] ?? 0
      host.tap.inject(frame)
      assert.equal(host.network.counters()[`drop-${reason}`], before + 1, reason)
    }
    await lab.clock.runFor(1000)
    assert.deepEqual(host.tap.take(), [])
    assert.equal(lab.dht.gets, 0)
  })

  test('never makes the agent throw, whatever its bytes', async () => {
    const { lab, host, me } = setUp()
    host.network.setReady()
    const good = [
      frameOf(echoRequest(host.ip, ip('10.128.0.9')), host.mac),
      arpRequest(me, ip('10.128.0.9')),
      udpFrame({ mac: host.mac, ip: 0 as Ip4, port: 68 }, { ip: 0xffffffff as Ip4, port: 67 }, new Uint8Array(260)),
    ]
    const corrupt = fc
      .tuple(fc.constantFrom(...good), fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 6 }), fc.nat(300))
      .map(([frame, changes, length]) => {
        const copy = frame.slice(0, length)
        for (const [at, value] of changes) if (at < copy.length) copy[at] = value
        return copy
      })
    const noise = fc.uint8Array({ maxLength: 200 })
    fc.assert(
      fc.property(fc.oneof(corrupt, noise), (frame) => host.tap.inject(frame)),
      { numRuns: 5000 },
    )
    await lab.clock.runFor(5000)
    host.tap.take()
    host.tap.inject(arpRequest(me, ip('10.128.77.1')))
    assert.equal(host.tap.take().length, 1)
  })
})
