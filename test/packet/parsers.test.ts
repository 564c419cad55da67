import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Ip4, Mac } from '../../agent/core/ip.ts'
import { answerEcho } from '../../agent/net/service-host.ts'
import { parseArp } from '../../agent/packet/arp.ts'
import { checksum, onesSum, updateChecksum } from '../../agent/packet/checksum.ts'
import { ETHERNET_HEADER } from '../../agent/packet/ethernet.ts'
import { destinationOf, openIpv4, sourceOf } from '../../agent/packet/ipv4.ts'
import { clampMss } from '../../agent/packet/tcp-mss.ts'
import { buildUdpFrame, looksLikeDhcp, openUdp, udpDestinationPort } from '../../agent/packet/udp.ts'
import { ip } from '../net/lab.ts'
import { arpRequest, echoRequest, PROTOCOL_UDP, packet, tcpChecksumHolds, tcpSyn } from './frames.ts'

const A = ip('10.128.0.5')
const B = ip('10.128.9.9')
const MAC = '02:00:00:00:00:05' as Mac
const bytes = (maxLength: number) => fc.uint8Array({ maxLength })
const address = fc.nat(0xffffffff).map((value) => value as Ip4)

function opened(packetBytes: Uint8Array): Uint8Array {
  const result = openIpv4(packetBytes)
  if (typeof result === 'string') throw new Error(result)
  return result
}

describe('an IPv4 packet', () => {
  test('comes out of the gate without the padding behind it, addresses intact', () => {
    fc.assert(
      fc.property(address, address, bytes(64), bytes(40), (source, destination, body, padding) => {
        const whole = packet(PROTOCOL_UDP, source, destination, body)
        const gate = opened(Uint8Array.of(...whole, ...padding))
        assert.deepEqual(gate, whole)
        assert.equal(sourceOf(gate), source)
        assert.equal(destinationOf(gate), destination)
      }),
    )
  })

  test('is refused when it is cut off, when a header bit flips, or when it is another version', () => {
    const whole = echoRequest(A, B)
    for (let length = 0; length < whole.length; length++) {
      assert.equal(typeof openIpv4(whole.subarray(0, length)), 'string', `${length} bytes`)
    }
    for (let bit = 0; bit < 160; bit++) {
      const broken = whole.slice()
      broken[bit >>> 3]! ^= 1 << (bit & 7)
      assert.equal(typeof openIpv4(broken), 'string', `bit ${bit}`)
    }
  })

  test('of random bytes is never read outside them, by any reader behind the gate', () => {
    fc.assert(
      fc.property(bytes(120), fc.boolean(), (random, forged) => {
        const candidate = random.slice()
        if (forged && candidate.length >= 20) {
          candidate[0] = 0x45 + (candidate[0]! % 11)
          candidate[2] = 0
          candidate[3] = candidate.length
          candidate[10] = 0
          candidate[11] = 0
          const sum = checksum(candidate, 0, Math.min((candidate[0]! & 15) * 4, candidate.length))
          candidate[10] = sum >>> 8
          candidate[11] = sum & 255
        }
        const gate = openIpv4(candidate)
        if (typeof gate === 'string') return
        openUdp(gate)
        looksLikeDhcp(gate)
        udpDestinationPort(gate)
        answerEcho(gate)
        const length = gate.length
        clampMss(gate, 1400)
        assert.equal(gate.length, length)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('a UDP frame', () => {
  const fields = { fromMac: MAC, toMac: MAC, from: A, to: B, fromPort: 67, toPort: 68 }

  test('built here opens to the same payload', () => {
    fc.assert(
      fc.property(bytes(300), (payload) => {
        const frame = buildUdpFrame({ ...fields, payload })
        assert.deepEqual(openUdp(opened(frame.subarray(ETHERNET_HEADER))), payload)
      }),
    )
  })

  test('with a flipped bit of its payload is refused by its checksum', () => {
    const frame = buildUdpFrame({ ...fields, payload: new Uint8Array(30).fill(7) })
    frame[frame.length - 3]! ^= 4
    assert.equal(openUdp(opened(frame.subarray(ETHERNET_HEADER))), 'udp-checksum')
  })

  test('counts as DHCP by either port, and when it is too short to show them', () => {
    const udp = (from: number, to: number) => packet(PROTOCOL_UDP, A, B, Uint8Array.of(0, from, 0, to, 0, 8, 0, 0))
    assert.equal(looksLikeDhcp(udp(67, 9)), true)
    assert.equal(looksLikeDhcp(udp(9, 68)), true)
    assert.equal(looksLikeDhcp(udp(9, 10)), false)
    assert.equal(looksLikeDhcp(packet(PROTOCOL_UDP, A, B, Uint8Array.of(0, 67))), true)
  })
})

describe('the checksum', () => {
  test('updated for one changed word is the one computed anew', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 40 }), fc.nat(0xffff), (data, word) => {
        const before = checksum(data, 0, data.length)
        const old = (data[0]! << 8) | data[1]!
        data[0] = word >>> 8
        data[1] = word & 255
        const updated = updateChecksum(before, old, word)
        // 0 and 0xffff are the same number in one's complement.
        assert.equal(updated % 0xffff, checksum(data, 0, data.length) % 0xffff)
      }),
    )
  })

  test('over data and its own checksum is all ones', () => {
    const data = Uint8Array.of(1, 2, 3, 4, 0, 0, 7)
    const sum = checksum(data, 0, data.length)
    data[4] = sum >>> 8
    data[5] = sum & 255
    assert.equal(onesSum(data, 0, data.length), 0xffff)
  })
})

describe('the segment size that a SYN announces', () => {
  const mssOption = (mss: number) => [2, 4, mss >>> 8, mss & 255]

  test('is lowered to what the tap carries, wherever the option stands, and the checksum still holds', () => {
    for (const lead of [[], [1], [1, 1], [3, 3, 7], [4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]]) {
      const syn = tcpSyn(A, B, [...lead, ...mssOption(8960)])
      assert.ok(tcpChecksumHolds(syn, A, B))
      clampMss(syn, 1400)
      const at = 40 + lead.length + 2
      assert.equal((syn[at]! << 8) | syn[at + 1]!, 1360)
      assert.ok(tcpChecksumHolds(syn, A, B), `option after ${lead.length} bytes`)
    }
  })

  test('stays when it is small enough, and other segments stay whole', () => {
    for (const segment of [tcpSyn(A, B, mssOption(536)), tcpSyn(A, B, []), echoRequest(A, B)]) {
      const before = segment.slice()
      clampMss(segment, 1400)
      assert.deepEqual(segment, before)
    }
  })
})

describe('an ARP frame', () => {
  test('is read as it was built', () => {
    const arp = parseArp(arpRequest({ mac: MAC, ip: A }, B))
    assert.equal(arp?.operation, 1)
    assert.equal(arp?.senderIp, A)
    assert.equal(arp?.targetIp, B)
  })

  test('of random or cut-off bytes is read as nothing, without an error', () => {
    const whole = arpRequest({ mac: MAC, ip: A }, B)
    for (let length = 0; length < whole.length; length++) assert.equal(parseArp(whole.subarray(0, length)), undefined)
    fc.assert(fc.property(bytes(80), (random) => void parseArp(random)))
  })
})
