/** What the addon needs to tell nodes from strangers by the first messages of their handshakes, before this program sees them. */

export interface GateKeys {
  /** The key of their MACs. */
  readonly mac: Uint8Array
  /** The secrets behind cookies: the present one, the former one. */
  readonly cookies: readonly [Uint8Array, Uint8Array]
}
