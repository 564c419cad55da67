/** The disk of a simulated host: it outlives the host's runs, and may be full for a while. */

import type { LeaseStore, StoredLease } from '../agent/lease/lease-store.ts'

export class SimDisk {
  #leases: readonly StoredLease[] = []
  full = false

  /** The disk as one run of the host sees it: a run that ended writes nothing. */
  mount(runs: () => boolean): LeaseStore {
    return {
      load: () => [...this.#leases],
      save: (leases) => {
        if (!runs()) return
        if (this.full) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
        this.#leases = leases
      },
    }
  }
}
