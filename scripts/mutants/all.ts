import { ABSENCE_MUTANTS } from './absence.ts'
import { DHT_MUTANTS } from './dht.ts'
import { LANE_MUTANTS } from './lane.ts'
import { LEASE_MUTANTS } from './lease.ts'
import { MAPPING_MUTANTS } from './mapping.ts'
import type { Mutant } from './mutant.ts'
import { OVERLAY_MUTANTS } from './overlay.ts'
import { STRANGER_MUTANTS } from './strangers.ts'
import { UNDERLAY_MUTANTS } from './underlay.ts'

export const MUTANTS: readonly Mutant[] = [
  ...DHT_MUTANTS,
  ...LEASE_MUTANTS,
  ...OVERLAY_MUTANTS,
  ...ABSENCE_MUTANTS,
  ...STRANGER_MUTANTS,
  ...UNDERLAY_MUTANTS,
  ...LANE_MUTANTS,
  ...MAPPING_MUTANTS,
]
