import type { Mutant } from './mutant.ts'

const STRANGERS = 'fuzz/strangers.test.ts'
const QUOTA = 'agent/dht/quota.ts'
const CUSTODY = 'agent/dht/custody.ts'

/** What bounds the work, the room and the say of peers that lie. */
export const STRANGER_MUTANTS: readonly Mutant[] = [
  {
    name: 'a stranger gets pages of what a node stores',
    file: CUSTODY,
    from: "if (this.#ring.neighbor(side) !== asker) throw new Refusal('you are not my neighbour')",
    to: '',
    tests: [STRANGERS],
  },
  {
    name: 'a neighbour is believed about arcs that are not between the two',
    file: CUSTODY,
    from: 'if (isWithin(side, neighbor, cursor, limit)) this.takeIn',
    to: 'this.takeIn',
    tests: ['dht/custody.test.ts', STRANGERS],
  },
  {
    name: 'a neighbour that knows less takes over',
    file: 'agent/dht/arc.ts',
    from: 'if (this.#extent - between > extent) return false',
    to: '',
    tests: ['dht/arc.test.ts'],
  },
  {
    name: 'a node vouches for what lies past a neighbour that relieved it',
    file: 'agent/dht/arc.ts',
    from: '    this.#extent = minOf(this.#extent, between)\n    this.#bounded = true\n',
    to: '',
    tests: ['dht/arc.test.ts'],
  },
  {
    name: 'a page that may be older than a relief counts for what lies past it',
    file: 'agent/dht/arc.ts',
    from: 'const isBounded = this.#bounded && ',
    to: 'const isBounded = false && ',
    tests: ['dht/arc.test.ts'],
  },
  {
    name: 'every owner that is out of reach is told again and again',
    file: 'agent/dht/conflict-notifier.ts',
    from: 'if (this.#retrying >= TELL_LOSERS_AGAIN) return',
    to: '',
    tests: ['dht/conflict-notifier.test.ts'],
  },
  {
    name: 'one publisher fills the share of a link',
    file: QUOTA,
    from: 'return (account.byPublisher.get(publisher) ?? 0) < MAX_ENTRIES_PER_PUBLISHER',
    to: 'return true',
    tests: ['dht/quotas.test.ts'],
  },
  {
    name: 'many links fill the store',
    file: QUOTA,
    from: 'if (this.#entries >= MAX_ENTRIES) return false',
    to: '',
    tests: ['dht/quotas.test.ts'],
  },
  {
    name: 'room that an entry took never comes back',
    file: QUOTA,
    from: '    if (count > 1) account.byPublisher.set(publisher, count - 1)\n    else account.byPublisher.delete(publisher)\n',
    to: '',
    tests: ['dht/quotas.test.ts'],
  },
  {
    name: 'anybody answers a request that went to another',
    file: 'agent/overlay/router.ts',
    from: 'if (waiting === undefined || waiting.nextHop !== from) return',
    to: 'if (waiting === undefined) return',
    tests: ['overlay/router.test.ts'],
  },
  {
    name: 'a request has any number of hops',
    file: 'agent/overlay/router.ts',
    from: 'if (request.hops >= HOP_LIMIT) {',
    to: 'if (false as boolean) {',
    tests: ['overlay/router.test.ts'],
  },
  {
    name: 'an answer of any size is forwarded',
    file: 'agent/overlay/router.ts',
    from: 'const isTooLarge = !isOwn && ',
    to: 'const isTooLarge = false && ',
    tests: ['overlay/router.test.ts'],
  },
  {
    name: 'what strangers have forwarded closes a full link between others',
    file: 'agent/overlay/router.ts',
    from: "from?.status?.joined === true ? 'control' : 'bulk'",
    to: "from?.status?.joined === true ? 'control' : 'control'",
    tests: ['overlay/router.test.ts'],
  },
  {
    name: 'a peer names any number of nodes that are out of reach',
    file: 'agent/overlay/hearsay.ts',
    from: ' && record.failed < MAX_FALSE_NAMES',
    to: '',
    tests: ['overlay/hearsay.test.ts'],
  },
  {
    name: 'a stranger has any number of nodes dialled back at once',
    file: 'agent/overlay/connector.ts',
    from: 'if (!this.#dialBacks.take(via)) return',
    to: '',
    tests: ['overlay/connector.test.ts'],
  },
  {
    name: 'addresses that strangers claim are kept without bound',
    file: 'agent/overlay/ring-merge.ts',
    from: '      this.#known.delete(oldest)\n',
    to: '',
    tests: ['overlay/ring-merge.test.ts'],
  },
  {
    name: 'a node signs proofs for strangers as often as they like',
    file: 'agent/overlay/duplicate-identity.ts',
    from: ' || !this.#proofs.admits()) return',
    to: ') return',
    tests: ['overlay/duplicate-identity.test.ts'],
  },
  {
    name: 'a node that has long been on the ring gives way to a twin',
    file: 'agent/overlay/duplicate-identity.ts',
    from: ' && this.#parts.clock.now() - this.#linkedSince <= NEW_FOR_MS',
    to: '',
    tests: ['overlay/duplicate-identity.test.ts'],
  },
]
