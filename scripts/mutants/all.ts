import { DHT_MUTANTS } from './dht.ts'
import { LEASE_MUTANTS } from './lease.ts'
import type { Mutant } from './mutant.ts'
import { OVERLAY_MUTANTS } from './overlay.ts'

export const MUTANTS: readonly Mutant[] = [...DHT_MUTANTS, ...LEASE_MUTANTS, ...OVERLAY_MUTANTS]
