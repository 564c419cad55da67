/** Two hosts with a fast path each, and a path over UDP between them. */

import { Vigil } from '../../../agent/core/vigil.ts'
import { FastPath } from '../../../agent/net/lane/fast-path.ts'
import { type Host, Lab } from '../lab.ts'
import { MemoryLaneTables, MemoryPaths, MemoryWire } from './doubles.ts'

export interface FastHost extends Host {
  readonly tables: MemoryLaneTables
  readonly paths: MemoryPaths
  readonly vigil: Vigil
}

export class FastLab extends Lab {
  readonly wire = new MemoryWire(this.clock)

  fastHost(address: string, at: string): FastHost {
    const tables = new MemoryLaneTables(at, this.wire)
    const paths = new MemoryPaths()
    const vigil = new Vigil(this.clock)
    const { clock, random } = this
    const host = this.host(address, {
      fast: (leases) => new FastPath({ tables, paths, leases, vigil, clock, random }),
    })
    vigil.start()
    return { ...host, tables, paths, vigil }
  }

  /** Opens or closes the path between two hosts. */
  path(a: FastHost, b: FastHost, isOpen = true): void {
    a.paths.set(b.overlay.self, isOpen ? b.tables.ip : undefined)
    b.paths.set(a.overlay.self, isOpen ? a.tables.ip : undefined)
  }
}

export function fastPair(): { lab: FastLab; a: FastHost; b: FastHost } {
  const lab = new FastLab()
  const a = lab.fastHost('10.128.0.5', '192.0.2.1')
  const b = lab.fastHost('10.128.0.6', '192.0.2.2')
  return { lab, a, b }
}
