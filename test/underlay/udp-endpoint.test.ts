import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ipOf, parseUdpEndpoint, portOf, udpEndpoint } from '../../agent/underlay/udp-endpoint.ts'

describe('a UDP endpoint', () => {
  test('has one text for each address and port', () => {
    assert.equal(udpEndpoint('192.0.2.1', 4000), '192.0.2.1:4000')
    for (const ip of ['2001:db8::1', '2001:DB8:0:0:0:0:0:1', '2001:0db8::0001']) {
      assert.equal(udpEndpoint(ip, 4000), '[2001:db8::1]:4000')
    }
    assert.equal(udpEndpoint('::ffff:192.0.2.1', 4000), '192.0.2.1:4000')
  })

  test('gives its address and port back', () => {
    for (const [ip, port] of [
      ['192.0.2.1', 1],
      ['2001:db8::1', 65_535],
    ] as const) {
      const endpoint = udpEndpoint(ip, port)!
      assert.deepEqual([ipOf(endpoint), portOf(endpoint)], [ip, port])
    }
  })

  test('is read from its one text, and from no other', () => {
    for (const text of ['192.0.2.1:4000', '[2001:db8::1]:1']) assert.equal(parseUdpEndpoint(text), text)
    const others = [
      '',
      ':',
      '192.0.2.1',
      '192.0.2.1:04000',
      '[192.0.2.1]:4000',
      '2001:db8::1:1',
      '[2001:DB8::1]:1',
      '192.0.2.1:1e3',
    ]
    for (const text of others) assert.equal(parseUdpEndpoint(text), undefined, text)
  })

  test('is never made of what is no address or port', () => {
    for (const ip of ['', 'localhost', '192.0.2', '300.0.2.1', '192.0.2.1:4', '[::1]', 'fe80::1%eth0', '::g']) {
      assert.equal(udpEndpoint(ip, 4000), undefined, ip)
    }
    for (const port of [0, -1, 65_536, 1.5, Number.NaN]) assert.equal(udpEndpoint('192.0.2.1', port), undefined)
  })
})
