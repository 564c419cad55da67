/** The lines that tunnels are measured over. */

export interface Conditions {
  /** As `CASES=` names it. */
  readonly name: string
  readonly title: string
  /** The line carries one packet of at most 1,500 bytes at a time, as a network card without offloads does. */
  readonly segmented: boolean
  /** Share of packets that the line loses in each direction, per cent. */
  readonly lossPercent: number
  /** What the line adds to a round trip, ms. */
  readonly roundTripMs: number
}

const PLAIN = { segmented: false, lossPercent: 0, roundTripMs: 0 }
/** Loss is of packets as they are on a wire, so those lines are segmented. */
const WIRE = { ...PLAIN, segmented: true }

export const CASES: readonly Conditions[] = [
  { name: 'plain', title: 'plain veth', ...PLAIN },
  { name: 'segmented', title: 'no packet over 1,500 bytes', ...WIRE },
  { name: 'loss-0.1', title: '0.1 % loss', ...WIRE, lossPercent: 0.1 },
  { name: 'loss-1', title: '1 % loss', ...WIRE, lossPercent: 1 },
  { name: 'delay-20', title: '20 ms', ...WIRE, roundTripMs: 20 },
  { name: 'delay-80', title: '80 ms', ...WIRE, roundTripMs: 80 },
  { name: 'delay-20-loss-1', title: '20 ms, 1 % loss', ...WIRE, roundTripMs: 20, lossPercent: 1 },
]

/** Only here everything is measured; elsewhere TCP alone. */
export function isPlain({ name }: Conditions): boolean {
  return name === 'plain'
}
