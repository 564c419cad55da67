/** Everything that is measured, in the order of the tables. */

import type { Peer } from '../peer.ts'
import { n2n } from './n2n.ts'
import { nebula } from './nebula.ts'
import { openvpn } from './openvpn.ts'
import { raw } from './raw.ts'
import { tinc } from './tinc.ts'
import { wireguardGo } from './wireguard-go.ts'
import { wow } from './wow.ts'
import { yggdrasil } from './yggdrasil.ts'

export const PEERS: readonly Peer[] = [raw, wow, wireguardGo, nebula, yggdrasil, openvpn, tinc, n2n]
