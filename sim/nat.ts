/**
 * How a node can be reached. `open`: any node can dial it. `cone`: only a node that it dialled lately can dial it
 * directly (an address-restricted NAT). `symmetric`: others can dial it only through a node that it dialled.
 * `outgoing`: as `symmetric`, and it relays no links.
 */
export const NAT_KINDS = ['open', 'cone', 'symmetric', 'outgoing'] as const
export type NatKind = (typeof NAT_KINDS)[number]

/** A cone NAT lets in a node that was dialled from behind it for this long, ms; RFC 4787 asks for at least 2 min. */
export const PINHOLE_MS = 120_000
