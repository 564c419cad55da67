import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { macBytes } from '../../agent/core/ip.ts'
import { OPTION } from '../../agent/dhcp/options.ts'
import { encodeDhcp, MESSAGE_TYPES } from '../../agent/dhcp/packet.ts'
import { tagOf, tunnelMessageCodec } from '../../agent/net/tunnel/messages.ts'
import type { SeededRandom } from '../../sim/seeded-random.ts'
import { type Host, ip, Lab } from '../net/lab.ts'
import { arpRequest, echoRequest, frameOf, PROTOCOL_UDP, packet, tcpSyn, udpFrame } from '../packet/frames.ts'
import { damage, imagine } from './imagine.ts'
import { megabytesInUse } from './memory.ts'
import { messages, randomOf } from './volume.ts'

const BATCH = 500
const BATCH_MS = 50
/** Permitted growth, MB, beside what is bounded by design: a million messages of 100 bytes would be 100. */
const MAY_GROW_MB = 12

const ANY = ip('0.0.0.0')
const BROADCAST = ip('255.255.255.255')

/** Sends `total` messages in batches; returns by how many MB memory grew from the first third to the end. */
async function grownBy(lab: Lab, hosts: readonly Host[], total: number, say: () => void): Promise<number> {
  let before: number | undefined
  for (let said = 0; said < total; said += BATCH) {
    for (let i = 0; i < BATCH; i++) say()
    await lab.clock.runFor(BATCH_MS)
    await new Promise(setImmediate)
    for (const { tap, leases } of hosts) {
      tap.take()
      leases.calls.length = 0
    }
    lab.world.sent.length = 0
    if (before === undefined && said > total / 3) before = megabytesInUse()
  }
  return megabytesInUse() - (before ?? 0)
}

function someIp(random: SeededRandom) {
  const known = ['10.128.0.2', '10.128.0.3', '10.128.0.1', '10.128.0.0', '10.128.255.255', '192.0.2.1', '127.0.0.1']
  return ip(known[random.below(known.length)]!)
}

function somePacket(random: SeededRandom): Uint8Array {
  const [from, to] = [someIp(random), someIp(random)]
  switch (random.below(4)) {
    case 0:
      return echoRequest(from, to)
    case 1:
      return tcpSyn(from, to, [2, 4, 5, 220])
    case 2:
      return packet(PROTOCOL_UDP, from, to, Uint8Array.of(0, random.below(80), 0, random.below(80), 0, 8, 0, 0))
    default:
      return packet(random.below(256), from, to, random.bytes(random.below(60)))
  }
}

describe('a member’s network', () => {
  test('takes whatever peers send through tunnels, and still carries packets between members', async (t) => {
    const lab = new Lab()
    const [one, other] = [lab.host('10.128.0.2'), lab.host('10.128.0.3')]
    const strangers = Array.from({ length: 20 }, (_, i) => lab.world.node(BigInt(i + 100)))
    await lab.clock.complete(Promise.all(strangers.map((stranger) => stranger.connect(one.overlay.self))))
    await lab.ping(one, other)
    const random = randomOf(60)
    const tag = tagOf(lab.keys)
    const batch = () => {
      const inside = damage(somePacket(random), random)
      return Uint8Array.of(...tag, 0, ...random.bytes(4), inside.length >>> 8, inside.length & 255, ...inside)
    }
    /** Strangers replay members' datagrams, as any node that relays them could. */
    let overheard: Uint8Array = tag
    const senders = [...strangers, other.overlay]
    const grown = await grownBy(lab, [one, other], messages(150_000), () => {
      const sender = senders[random.below(senders.length)]!
      const dice = random.below(8)
      const imagined = () => Uint8Array.of(...tag, ...imagine(tunnelMessageCodec, random))
      const datagram = dice === 0 ? overheard : dice < 3 ? batch() : imagined()
      sender.datagram(one.overlay.self, damage(datagram, random))
      overheard = lab.world.sent[random.below(lab.world.sent.length)]?.body ?? overheard
    })
    t.diagnostic(`${grown.toFixed(1)} MB more in use than after the first third`)
    assert.ok(grown < MAY_GROW_MB, `${grown.toFixed(1)} MB more`)
    await lab.clock.runFor(60_000)
    assert.equal((await lab.ping(other, one)).length > 0, true)
    assert.equal((await lab.ping(one, other)).length > 0, true)
  })

  test('takes whatever its clients put on the tap, and still answers them', async (t) => {
    const lab = new Lab()
    const [one, other] = [lab.host('10.128.0.2'), lab.host('10.128.0.3')]
    one.network.setReady()
    const random = randomOf(61)
    const dhcp = () => {
      const options = new Map<number, Uint8Array>()
      if (random.below(2) === 0) options.set(OPTION.requestedAddress, random.bytes(4))
      if (random.below(2) === 0) options.set(OPTION.serverId, Uint8Array.of(10, 128, 0, 1))
      if (random.below(4) === 0) options.set(OPTION.clientId, random.bytes(random.below(20)))
      const mac = `02:aa:00:00:01:${(16 + random.below(100)).toString(16)}` as typeof one.mac
      const payload = encodeDhcp({
        op: random.below(8) === 0 ? 'reply' : 'request',
        type: MESSAGE_TYPES[random.below(MESSAGE_TYPES.length)]!,
        xid: random.below(4),
        secs: 0,
        broadcast: random.below(2) === 0,
        ciaddr: random.below(2) === 0 ? ANY : someIp(random),
        yiaddr: ANY,
        siaddr: ANY,
        giaddr: random.below(8) === 0 ? someIp(random) : ANY,
        chaddr: mac,
        options,
      })
      return udpFrame({ mac, ip: ANY, port: 68 }, { ip: BROADCAST, port: 67 }, damage(payload, random))
    }
    const frame = () => {
      switch (random.below(4)) {
        case 0:
          return dhcp()
        case 1:
          return arpRequest({ mac: one.mac, ip: someIp(random) }, someIp(random))
        case 2:
          return frameOf(somePacket(random), one.mac)
        default:
          return Uint8Array.of(...macBytes(one.mac), ...random.bytes(random.below(100)))
      }
    }
    const grown = await grownBy(lab, [one, other], messages(150_000), () => one.tap.inject(damage(frame(), random)))
    t.diagnostic(`${grown.toFixed(1)} MB more in use than after the first third`)
    assert.ok(grown < MAY_GROW_MB, `${grown.toFixed(1)} MB more`)
    await lab.clock.runFor(60_000)
    assert.equal((await lab.ping(one, other)).length > 0, true)
  })
})
