import type { Mutant } from './mutant.ts'

const FOLDER = 'agent/transport/mapping'
const KEEPER_TEST = 'transport/mapping/port-mapping.test.ts'

export const MAPPING_MUTANTS: readonly Mutant[] = [
  {
    name: 'any host on the network answers for the router',
    file: `${FOLDER}/asker.ts`,
    from: 'const reason = isRouter(from)',
    to: 'const reason = isRouter(to) || isRouter(from)',
    tests: [KEEPER_TEST],
  },
  {
    name: 'an answer about a mapping of somebody else counts',
    file: `${FOLDER}/port-control.ts`,
    from: "if (!equal(answer.nonce, asked.nonce)) return 'nonce'",
    to: '',
    tests: [KEEPER_TEST],
  },
  {
    name: 'a mapping lasts for half of its time',
    file: `${FOLDER}/port-mapping.ts`,
    from: 'again(Math.max(LEAST_RENEWAL_MS, leftMs / 2))',
    to: 'again(Math.max(LEAST_RENEWAL_MS, leftMs * 2))',
    tests: [KEEPER_TEST],
  },
  {
    name: 'a router that says no is asked by another way',
    file: `${FOLDER}/port-mapping.ts`,
    from: "if (error instanceof MappingError && error.failure === 'forbidden') break",
    to: '',
    tests: [KEEPER_TEST],
  },
  {
    name: 'a port over TCP is not given back',
    file: `${FOLDER}/port-mapping.ts`,
    from: "for (const carrier of ['udp', 'tcp'] as const)",
    to: "for (const carrier of ['udp'] as const)",
    tests: [KEEPER_TEST],
  },
  {
    name: 'an answer to a search makes a node fetch something elsewhere',
    file: `${FOLDER}/ssdp.ts`,
    from: 'url.hostname === formatIp4(gateway)',
    to: "url.hostname !== ''",
    tests: ['transport/mapping/upnp.test.ts'],
  },
  {
    name: 'a router is asked through the tap of the overlay',
    file: `${FOLDER}/uplink.ts`,
    from: 'hiddenInterfaces.includes(device) || ',
    to: '',
    tests: ['transport/mapping/uplink.test.ts'],
  },
  {
    name: 'a node behind two NATs says that anybody can dial it',
    file: 'agent/transport/udp/outer-endpoints.ts',
    from: 'this.#outside().some((endpoint) => ipOf(endpoint) === ip)',
    to: "ip !== ''",
    tests: ['transport/udp/outer-endpoints.test.ts'],
  },
  {
    name: 'whoever announces something has the router asked',
    file: `${FOLDER}/announcements.ts`,
    from: "if (!isRouter(from)) counters.drop('foreign')",
    to: "if (false as boolean) counters.drop('foreign')",
    tests: [KEEPER_TEST],
  },
  {
    name: 'the router is asked as often as it announces something',
    file: `${FOLDER}/announcements.ts`,
    from: 'else if (this.#spacing.admits())',
    to: 'else',
    tests: [KEEPER_TEST],
  },
]
