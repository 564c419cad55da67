/**
 * The floors of the tree, from the roof down. A module imports from its own folder and from lower floors, never from a
 * higher one and never from another folder of its own floor.
 *
 * A place is a folder or a file; the longest one that a path begins with has it. docs/architecture.md draws the same picture.
 */
export const FLOORS: readonly (readonly string[])[] = [
  ['test/'],
  ['bench/', 'scripts/'],
  ['lab/', 'sim/', 'scripts/house/'],
  ['scripts/appliance/'],
  ['scripts/lib/'],
  ['agent/cli/'],
  ['agent/main.ts'],
  ['agent/boot/'],
  ['agent/control/'],
  ['agent/condor/', 'agent/net/'],
  ['agent/dhcp/'],
  ['agent/host/'],
  ['agent/lease/'],
  ['agent/namespace/'],
  ['agent/dht/', 'agent/transport/'],
  ['agent/overlay/'],
  ['agent/native/', 'agent/packet/'],
  ['agent/core/', 'agent/version.ts'],
]
