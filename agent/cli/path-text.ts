/** A node's links and its place in the network, in lines of at most 100 columns. */

import type { PeerStatus, UdpStatus } from '../control/status.ts'

/** Links that `wow status` shows; `wow peers` shows all. */
const SHOWN = 12
/** Below the values of `fields`. */
const INDENT = ' '.repeat(11)

export function udpText({ mapping, outer, keepAliveMs, keepAliveMeasured, sockets }: UdpStatus): string {
  const nat = {
    none: 'no NAT',
    predictable: 'behind a NAT',
    random: 'behind a NAT that randomises',
    unknown: 'NAT unknown',
  }
  const seen = outer.length === 0 ? '' : `, seen at ${outer.join(', ')}`
  const keepAlive = `keep-alive ${keepAliveMs / 1_000} s (${keepAliveMeasured ? 'measured' : 'assumed'})`
  return [`${nat[mapping]}${seen}`, `${keepAlive}; offloads: ${offloadsText(sockets)}`].join(`\n${INDENT}`)
}

function offloadsText(sockets: UdpStatus['sockets']): string {
  const names = [sockets.some(({ gro }) => gro) ? ['GRO'] : [], sockets.some(({ gso }) => gso) ? ['GSO'] : []].flat()
  return names.length === 0 ? 'none' : names.join(', ')
}

export function linkLines(links: readonly PeerStatus[]): string[] {
  const lines = links.slice(0, SHOWN).map((link) => {
    const { address, kind, rttMs, loss, whyNotBetter } = link
    const cells = [
      address.slice(0, 8),
      kind.padEnd(7),
      rttText(rttMs).padStart(8),
      lossText(loss).padEnd(9),
      wayText(link),
    ]
    return [cells.join('  '), ...(whyNotBetter === null ? [] : [`${INDENT}${' '.repeat(10)}${whyNotBetter}`])].join(
      '\n',
    )
  })
  return links.length > SHOWN ? [...lines, `and ${links.length - SHOWN} more: see wow peers`] : lines
}

export function rttText(rttMs: number | null): string {
  return rttMs === null ? '-' : `${rttMs} ms`
}

/** A link over TCP knows none. */
export function lossText(loss: number | null): string {
  return loss === null ? '-' : `${(loss * 100).toFixed(1)} % lost`
}

/** Where the peer is, without its id, or through whom. */
export function wayText({ remote, through }: Pick<PeerStatus, 'remote' | 'through'>): string {
  return through === null ? remote.replace(/\/p2p\/[^/]+$/, '') : `through ${through.slice(0, 8)}`
}
