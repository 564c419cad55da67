/** Names looked up with this machine's name servers and certificates. */

import { Resolver } from 'node:dns/promises'
import type { NameLookupParts } from './name-lookup.ts'

/** A name server has so long, ms, so many times. */
const PATIENCE = { timeout: 2_000, tries: 2 }

export function systemNames(isEndpoint: (text: string) => boolean): NameLookupParts {
  return {
    // Made anew each time: the name servers change with the uplink.
    txt: (domain) => new Resolver(PATIENCE).resolveTxt(domain),
    fetch: (url, init) => fetch(url, init),
    isEndpoint,
  }
}
