import type { Mutant } from './mutant.ts'

const MANAGER = 'agent/lease/lease-manager.ts'
const LEASES = ['sim/leases.test.ts', 'sim/sleepers.test.ts']

export const LEASE_MUTANTS: readonly Mutant[] = [
  {
    name: 'an owner counts its lease from the answer',
    file: MANAGER,
    from: 'const lease: Lease = { client, mac, ip, expiresAt: sentAt + this.#leaseMs, offered: false }',
    to: 'const lease: Lease = { client, mac, ip, expiresAt: this.#clock.now() + this.#leaseMs, offered: false }',
    tests: LEASES,
  },
  {
    name: 'a node that woke uses its lease without asking',
    fault: 'fault 1: a sleeper goes on with its lease',
    file: MANAGER,
    from: 'return this.#doubted.has(ip) ? undefined : this.holder(ip)',
    to: 'return this.holder(ip)',
    tests: LEASES,
  },
  {
    name: 'a node does not look whether it was away before it uses a lease',
    fault: 'fault 1: a sleeper goes on with its lease',
    file: MANAGER,
    from: '    this.#vigil.look()\n    return this.#doubted',
    to: '    return this.#doubted',
    tests: ['lease/claims.test.ts'],
  },
  {
    name: 'an answer from before the sleep takes the doubt away',
    file: MANAGER,
    from: 'if (sentAt >= (this.#doubted.get(ip) ?? 0)) this.#doubted.delete(ip)',
    to: 'this.#doubted.delete(ip)',
    tests: ['lease/doubt.test.ts'],
  },
  {
    name: 'an owner that lost its lease goes on with it',
    file: MANAGER,
    from: 'if (outcome.lost && this.#holdsOneOf(lease.client, [password])) {',
    to: 'if (false as boolean) {',
    tests: LEASES,
  },
  {
    name: 'an offer outlives an absence',
    file: MANAGER,
    from: 'if (offered) this.#held.delete(held)',
    to: "if (offered) void 'kept'",
    tests: ['lease/doubt.test.ts'],
  },
  {
    name: 'a released address is not given back',
    file: MANAGER,
    from: '    await this.#dht.delete(leaseKey(this.#keys, ip), held.password)',
    to: '',
    tests: LEASES,
  },
  {
    name: 'a lease that is given back while it is renewed stays',
    file: MANAGER,
    from: 'if (!this.#holdsOneOf(client, [held?.password, password])) {',
    to: 'if (false as boolean) {',
    tests: LEASES,
  },
  {
    name: 'a reserved or declined address is handed out',
    file: MANAGER,
    from: 'if (!this.#pool.has(ip) || (this.#declined.get(ip) ?? 0) > this.#clock.now()) return false',
    to: '',
    tests: ['lease/claims.test.ts'],
  },
  {
    name: 'another address is tried when no majority answered',
    file: MANAGER,
    from: "if (result === 'unclear') return failure('unavailable')",
    to: '',
    tests: ['lease/claims.test.ts'],
  },
  {
    name: 'whoever says that a lease was lost makes its owner ask each time',
    file: 'agent/lease/contested-leases.ts',
    from: '      running.again = true\n      return Promise.resolve()',
    to: '      return this.#ask(ip)',
    tests: ['lease/contested-leases.test.ts'],
  },
]
