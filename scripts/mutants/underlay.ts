import type { Mutant } from './mutant.ts'

export const UNDERLAY_MUTANTS: readonly Mutant[] = [
  {
    name: 'a record that comes twice is taken twice',
    file: 'agent/underlay/records.ts',
    from: "if (!this.#window.admits(packet.counter)) return 'replayed-record'",
    to: '',
    tests: ['underlay/hostile-datagrams.test.ts'],
  },
  {
    name: 'a forged record moves the replay window',
    file: 'agent/underlay/records.ts',
    from: 'const plaintext = open(',
    to: 'this.#window.take(packet.counter)\n    const plaintext = open(',
    tests: ['underlay/hostile-datagrams.test.ts'],
  },
  {
    name: 'a peer has moved as soon as a record comes from elsewhere',
    file: 'agent/underlay/whereabouts.ts',
    from: 'this.#challenge(from, nonce)',
    to: 'this.#remote = from',
    tests: ['underlay/roaming.test.ts'],
  },
  {
    name: 'a challenge may be longer than what it answers',
    file: 'agent/underlay/whereabouts.ts',
    from: 'if (from === this.#remote || length < RECORD_OVERHEAD + CHALLENGE_BYTES) return',
    to: 'if (from === this.#remote) return',
    tests: ['underlay/roaming.test.ts'],
  },
  {
    name: 'the identity of a session is not proven by a signature',
    file: 'agent/underlay/handshake.ts',
    from: 'if (!verifies(identity, concat(IDENTITY_CONTEXT, staticKey), signature)) return undefined',
    to: '',
    tests: ['underlay/handshake.test.ts'],
  },
  {
    name: 'a session opens to another node than the one expected',
    file: 'agent/underlay/sessions.ts',
    from: 'waiters.expect(peer)\n    if',
    to: 'if',
    tests: ['underlay/sessions.test.ts'],
  },
  {
    name: 'a cookie is right at every endpoint',
    file: 'agent/underlay/cookies.ts',
    from: 'hmac(secret, utf8(endpoint))',
    to: 'hmac(secret)',
    tests: ['underlay/cookies.test.ts'],
  },
  {
    name: 'a flood of strangers needs no cookies',
    file: 'agent/underlay/handshake-load.ts',
    from: 'return halfOpen < FREE_HALF_OPEN && this.#free.take()',
    to: 'return halfOpen >= 0',
    tests: ['underlay/hostile-datagrams.test.ts'],
  },
  {
    name: 'records under the former keys are lost when new ones are there',
    file: 'agent/underlay/session.ts',
    from: 'timer: this.#ground.clock.after(FORMER_KEYS_MS, () => this.#dropFormer())',
    to: 'timer: this.#ground.clock.after(0, () => this.#dropFormer())',
    tests: ['underlay/rekey.test.ts'],
  },
  {
    name: 'of two sessions opened at once each node keeps its own',
    file: 'agent/underlay/sessions.ts',
    from: 'if (this.#ground.keys.self > peer) return false',
    to: '',
    tests: ['underlay/sessions.test.ts'],
  },
]
