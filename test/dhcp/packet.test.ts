import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Ip4, type Mac, macFromBytes } from '../../agent/core/ip.ts'
import { clientIdOf, wantedBy } from '../../agent/dhcp/client.ts'
import { OPTION } from '../../agent/dhcp/options.ts'
import { type DhcpPacket, encodeDhcp, MESSAGE_TYPES, parseDhcp } from '../../agent/dhcp/packet.ts'

const MAC = '02:aa:00:00:00:01' as Mac
const NONE = 0 as Ip4

const SAMPLE: DhcpPacket = {
  op: 'request',
  type: 'request',
  xid: 0xdeadbeef,
  secs: 3,
  broadcast: true,
  ciaddr: NONE,
  yiaddr: NONE,
  siaddr: NONE,
  giaddr: NONE,
  chaddr: MAC,
  options: new Map([
    [OPTION.requestedAddress, Uint8Array.of(10, 128, 0, 9)],
    [OPTION.serverId, Uint8Array.of(10, 128, 0, 1)],
    [OPTION.hostName, Uint8Array.of(97, 98)],
  ]),
}

function parsed(bytes: Uint8Array): DhcpPacket {
  const packet = parseDhcp(bytes)
  if (typeof packet === 'string') throw new Error(packet)
  return packet
}

describe('a DHCP message', () => {
  test('is read as it was written', () => {
    const ip = fc.nat(0xffffffff).map((value) => value as Ip4)
    const message: fc.Arbitrary<DhcpPacket> = fc.record({
      op: fc.constantFrom('request', 'reply'),
      type: fc.constantFrom(...MESSAGE_TYPES),
      xid: fc.nat(0xffffffff),
      secs: fc.nat(0xffff),
      broadcast: fc.boolean(),
      ciaddr: ip,
      yiaddr: ip,
      siaddr: ip,
      giaddr: ip,
      chaddr: fc
        .uint8Array({ minLength: 6, maxLength: 6 })
        .map((mac) => macFromBytes(Uint8Array.of(mac[0]! & 0xfe, ...mac.subarray(1)))),
      options: fc
        .dictionary(
          fc
            .integer({ min: 1, max: 254 })
            .filter((code) => code !== OPTION.messageType)
            .map(String),
          fc.uint8Array({ maxLength: 255 }),
        )
        .map((options) => new Map(Object.entries(options).map(([code, value]) => [Number(code), value]))),
    })
    fc.assert(
      fc.property(message, (packet) => {
        const { options, ...fields } = parsed(encodeDhcp(packet))
        assert.deepEqual({ ...fields, options: packet.options }, { ...packet })
        for (const [code, value] of packet.options) assert.deepEqual(options.get(code), value)
      }),
    )
  })

  test('is at least as long as BOOTP clients expect', () => {
    assert.equal(encodeDhcp({ ...SAMPLE, options: new Map() }).length, 300)
  })

  test('is refused when cut off anywhere before its end option, or when a required field is wrong', () => {
    const whole = encodeDhcp(SAMPLE)
    for (let length = 0; length < 240; length++) assert.equal(parseDhcp(whole.subarray(0, length)), 'dhcp-short')
    assert.equal(parseDhcp(whole.subarray(0, 245)), 'dhcp-options')
    const broken = (at: number, value: number) => {
      const copy = whole.slice()
      copy[at] = value
      return parseDhcp(copy)
    }
    assert.equal(broken(0, 3), 'dhcp-op')
    assert.equal(broken(1, 6), 'dhcp-hardware')
    assert.equal(broken(2, 16), 'dhcp-hardware')
    assert.equal(broken(28, 3), 'dhcp-hardware')
    assert.equal(broken(237, 0), 'dhcp-cookie')
    assert.equal(broken(242, 99), 'dhcp-type')
  })

  test('of corrupt bytes never throws', () => {
    const whole = encodeDhcp(SAMPLE)
    const corrupt = fc
      .tuple(fc.array(fc.tuple(fc.nat(320), fc.nat(255)), { maxLength: 8 }), fc.nat(320))
      .map(([changes, length]) => {
        const copy = whole.slice(0, length)
        for (const [at, value] of changes) if (at < copy.length) copy[at] = value
        return copy
      })
    fc.assert(
      fc.property(fc.oneof(corrupt, fc.uint8Array({ maxLength: 600 })), (bytes) => {
        const packet = parseDhcp(bytes)
        if (typeof packet === 'string') return
        clientIdOf(packet)
        wantedBy(packet)
      }),
      { numRuns: 5000 },
    )
  })

  test('with an option in two parts has it whole', () => {
    const head = encodeDhcp(SAMPLE).subarray(0, 240)
    const bytes = Uint8Array.of(...head, 53, 1, 1, 61, 2, 1, 2, 0, 0, 61, 1, 3, 255)
    assert.deepEqual([...(parsed(bytes).options.get(OPTION.clientId) ?? [])], [1, 2, 3])
  })
})

describe('a DHCP client', () => {
  test('is known by its identifier, and by its MAC when it sends none or one too short', () => {
    const withId = (...id: number[]) => ({ ...SAMPLE, options: new Map([[OPTION.clientId, Uint8Array.from(id)]]) })
    assert.equal(clientIdOf(withId(1, 2, 0xab)), 'id:0102ab')
    assert.equal(clientIdOf(withId(1)), 'mac:02aa00000001')
    assert.equal(clientIdOf(SAMPLE), 'mac:02aa00000001')
  })

  test('says by its REQUEST in which state it is', () => {
    const options = (...codes: number[]) => new Map([...SAMPLE.options].filter(([code]) => codes.includes(code)))
    const state = (packet: DhcpPacket) => wantedBy(packet)?.state
    assert.equal(state(SAMPLE), 'selecting')
    assert.equal(state({ ...SAMPLE, options: options(OPTION.requestedAddress) }), 'init-reboot')
    assert.equal(state({ ...SAMPLE, options: options(), ciaddr: 9 as Ip4 }), 'renewing')
    assert.equal(state({ ...SAMPLE, options: options(OPTION.serverId) }), undefined)
  })
})
