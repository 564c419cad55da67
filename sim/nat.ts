/**
 * What stands before a node. `open`: anybody can dial it. `cone`: those can whom it dialled lately (an address-restricted
 * NAT). `symmetric`: nobody can but through a node that it dialled. `outgoing`: the same, and it carries nobody's links.
 */
export const NAT_KINDS = ['open', 'cone', 'symmetric', 'outgoing'] as const
export type NatKind = (typeof NAT_KINDS)[number]

/** How long a cone NAT lets a node in that was dialled from behind it, ms; RFC 4787 asks for 2 min at least. */
export const PINHOLE_MS = 120_000
