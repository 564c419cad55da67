import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Ip4 } from '../../../agent/core/ip.ts'
import { dataPrefix, decodeMessage, tagOf } from '../../../agent/net/tunnel/messages.ts'
import { echoRequest, PROTOCOL_TCP, packet, udpFrame } from '../../packet/frames.ts'
import { type Host, ip, type Lab } from '../lab.ts'
import { drops, forge, pair } from './pair.ts'

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
