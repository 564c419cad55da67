/**
 * The floors of the tree, from the top down. A module imports from its own folder and from lower floors, never from a
 * higher floor or from another folder of its own floor.
 *
 * A place is a folder or a file; a path belongs to the longest place that it begins with. docs/architecture.md draws
 * the same picture.
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
  ['agent/rendezvous/'],
  ['agent/underlay/'],
  ['agent/overlay/'],
  ['agent/native/', 'agent/packet/'],
  ['agent/core/', 'agent/version.ts'],
]
