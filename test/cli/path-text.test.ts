import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fields } from '../../agent/cli/output.ts'
import { linkLines, udpText } from '../../agent/cli/path-text.ts'
import type { PeerStatus, UdpStatus } from '../../agent/control/status.ts'

const LINK: PeerStatus = {
  address: 'b145afc3e525a2627937e0ea388accb951d2819a',
  roles: ['near'],
  relayed: true,
  remote: 'udp through c7d785980123456789012345678901234567890a',
  kind: 'relayed',
  through: 'c7d785980123456789012345678901234567890a',
  rttMs: 1234.5,
  loss: 0.123,
  whyNotBetter: "this node's NAT randomises its ports, and so may the peer's",
}
const OVER_TCP: PeerStatus = {
  ...LINK,
  ...{ kind: 'tcp', relayed: false, through: null, loss: null, rttMs: null, whyNotBetter: null },
  remote: '/ip4/198.51.100.200/tcp/54321/p2p/12D3KooWHYAxS5rAFsrfJckC1bsmKUvyijGkXhPobbZixg8uAzMD',
}
const UDP: UdpStatus = {
  mapping: 'random',
  outer: ['198.51.100.7:60001', '198.51.100.7:60002'],
  portMapping: null,
  ...{ keepAliveMs: 15_000, keepAliveMeasured: false },
  sockets: [{ at: '0.0.0.0:4001', gro: true, gso: true }],
}

describe('the status as text', () => {
  test('fits into 100 columns', () => {
    const rows = [['udp', udpText(UDP)], ...linkLines([LINK, OVER_TCP]).map((line) => ['link', line])] as [
      string,
      string,
    ][]
    for (const line of fields(rows).split('\n')) assert.ok(line.length <= 100, line)
  })

  test('says how a peer is reached, and why not better', () => {
    assert.deepEqual(
      linkLines([LINK, OVER_TCP]).map((line) => line.split('\n').map((part) => part.trim())),
      [
        ['b145afc3  relayed  1234.5 ms  12.3 % lost  through c7d78598', LINK.whyNotBetter],
        ['b145afc3  tcp             -  -          /ip4/198.51.100.200/tcp/54321'],
      ],
    )
  })

  test('shows a dozen links of many', () => {
    const lines = linkLines(Array.from({ length: 20 }, () => OVER_TCP))
    assert.deepEqual([lines.length, lines.at(-1)], [13, 'and 8 more: see wow peers'])
  })

  test('says what the NAT does, when links speak, and what the sockets can', () => {
    assert.match(
      udpText(UDP),
      /^behind a NAT that randomises, seen at 198.51.100.7:60001, .*\n +keep-alive 15 s \(assumed\); offloads: GRO, GSO$/,
    )
    assert.match(udpText({ ...UDP, mapping: 'none', outer: [], sockets: [] }), /^no NAT\n.* offloads: none$/)
  })
})
