import type { Mutant } from './mutant.ts'

const SLEEPERS = ['sim/sleepers.test.ts']

/** Absence and distance: what lets a node believe that it ran, or that a slow peer is dead. */
export const ABSENCE_MUTANTS: readonly Mutant[] = [
  {
    name: 'a node in silence never looks whether it was away',
    file: 'agent/core/vigil.ts',
    from: '      this.#arm()\n      this.look()',
    to: '      this.#arm()',
    tests: ['core/vigil.test.ts'],
  },
  {
    name: 'time-outs do not follow the round trips',
    file: 'agent/core/round-trip.ts',
    from: 'this.#smoothedMs === undefined ? this.#firstMs :',
    to: 'true ? this.#firstMs :',
    tests: ['core/round-trip.test.ts'],
  },
  {
    name: 'time-outs leave no room for round trips that vary',
    file: 'agent/core/round-trip.ts',
    from: 'this.#smoothedMs + K * this.#variationMs',
    to: 'this.#smoothedMs',
    tests: ['core/round-trip.test.ts'],
  },
  {
    name: 'a pong is measured though it may answer any of several pings',
    file: 'agent/overlay/peers.ts',
    from: 'if (peer.askedAt !== peer.pingedAt) return',
    to: '',
    tests: ['overlay/liveness.test.ts'],
  },
  {
    name: 'a suspect across an ocean has the time of a LAN',
    file: 'agent/overlay/liveness.ts',
    from: 'Math.max(SUSPECT_DEAD_AFTER_MS, 2 * roundTrip.timeoutMs)',
    to: 'SUSPECT_DEAD_AFTER_MS',
    tests: ['overlay/liveness.test.ts'],
  },
  {
    name: 'peers that were paused together do not tell each other',
    file: 'agent/overlay/absence.ts',
    from: "      if (!isHearsay) send(peer.address, { kind: 'away', forMs })\n",
    to: '',
    tests: ['overlay/absence.test.ts', ...SLEEPERS],
  },
  {
    name: 'an absence that one peer made up goes round the ring',
    file: 'agent/overlay/absence.ts',
    from: 'this.#isHearsay = true',
    to: '',
    tests: ['overlay/absence.test.ts'],
  },
  {
    name: 'a peer that was just linked makes a node doubt that it ran',
    file: 'agent/overlay/absence.ts',
    from: 'clock.now() - linkedAt > LINK_SURELY_DEAD_MS',
    to: 'clock.now() >= linkedAt',
    tests: ['overlay/absence.test.ts'],
  },
  {
    name: 'peers that say they were away are heeded as often as they say it',
    file: 'agent/overlay/absence.ts',
    from: ' || !givenUp.heeds()) return',
    to: ') return',
    tests: ['overlay/absence.test.ts'],
  },
  {
    name: 'a link that this node saw close counts as an absence',
    file: 'agent/overlay/given-up.ts',
    from: 'const awayMs = agoMs - (now - closedAt)',
    to: 'const awayMs = agoMs',
    tests: ['overlay/given-up.test.ts'],
  },
  {
    name: 'a node that is shunned is a neighbour again at once',
    file: 'agent/overlay/peers.ts',
    from: 'this.#clock.now() + SHUN_MS',
    to: 'this.#clock.now()',
    tests: ['sim/silent-neighbor.test.ts'],
  },
  {
    name: 'a lease that ended is still held',
    file: 'agent/lease/held-leases.ts',
    from: 'held.lease.expiresAt > this.#clock.now()',
    to: 'true',
    tests: ['sim/leases.test.ts', ...SLEEPERS],
  },
  {
    name: 'a lease in doubt is used again though no majority said so',
    file: 'agent/lease/lease-manager.ts',
    from: 'if (outcome.won) this.#confirm(ip, sentAt)',
    to: 'this.#confirm(ip, sentAt)',
    tests: ['lease/doubt.test.ts', ...SLEEPERS],
  },
  {
    name: 'a doubt that comes while the DHT is being asked is forgotten',
    file: 'agent/lease/contested-leases.ts',
    from: '      running.again = true\n',
    to: '',
    tests: ['lease/contested-leases.test.ts'],
  },
]
