/** Describes a failed story in words, with the command that replays it. */

import type { Failure } from './explore.ts'
import type { Fault, Story } from './story.ts'

const SHOWN_VIOLATIONS = 3
const HELD = { sleep: 'sleeps', stall: 'gets no CPU', freeze: 'is paused with its clock' } as const
/** The shares of hosts behind a NAT that random stories have. */
const NAT_SHARES: Readonly<Record<number, string>> = { 2: 'every second host', 4: 'every fourth host' }

export function reportFailure({ number, story, violations, shrunk }: Failure, seed: number): string {
  const more = violations.length - SHOWN_VIOLATIONS
  return [
    `Story ${number} of seed ${seed} breaks a promise; the shortest found after ${shrunk} cuts:`,
    ...reportStory(story),
    '',
    ...violations.slice(0, SHOWN_VIOLATIONS).map((violation) => `  broken ${violation}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
    '',
    'Play it again:',
    `  npx wow sim --replay '${JSON.stringify(story)}'`,
  ].join('\n')
}

function reportStory({ hosts, natEvery, over, drift, leaseMs, liars, seed, steps }: Story): string[] {
  const nats =
    natEvery === 0 ? 'none behind a NAT' : `${NAT_SHARES[natEvery] ?? `one host in ${natEvery}`} behind a NAT`
  const clocks = drift === 0 ? 'true clocks' : `clocks off by up to ${drift * 100} %`
  return [
    `  ${hosts} hosts${over === 'udp' ? ' over UDP' : ''}${liars === undefined ? '' : `, ${liars.count} liars (${liars.lies.join(', ')})`}, ${nats}, ${clocks}, leases of ${leaseMs / 1000} s, seed ${seed}`,
    ...steps.map(({ afterMs, fault }) => `  after ${String(afterMs).padStart(5)} ms: ${reportFault(fault)}`),
  ]
}

function reportFault(fault: Fault): string {
  switch (fault.kind) {
    case 'boot':
      return `${fault.count} hosts start${fault.nat === 'open' ? '' : ` behind a NAT (${fault.nat})`}`
    case 'crash':
      return `the power of host ${fault.who} fails`
    case 'kill':
      return `host ${fault.who} is killed`
    case 'leave':
      return `host ${fault.who} leaves`
    case 'churn':
      return `for ${fault.forMs} ms hosts stay for ${fault.sessionMs} ms in the mean`
    case 'hold':
      return `host ${fault.who} ${HELD[fault.hold]} for ${fault.forMs} ms`
    case 'suspend':
      return `${fault.count} hosts from host ${fault.who} on are held together for ${fault.forMs} ms: ${fault.hold}`
    case 'partition':
      return `the network is parted by address bit ${fault.bit} for ${fault.forMs} ms`
    case 'wall':
      return `hosts ${fault.one} and ${fault.other} cannot talk for ${fault.forMs} ms`
    case 'one-way':
      return `what host ${fault.from} sends to host ${fault.to} is lost for ${fault.forMs} ms`
    case 'weather':
      return `for ${fault.forMs} ms frames take up to ${fault.delayMs} ms, ${percent(fault.loss)} are lost, ${percent(fault.duplicate)} come twice, ${percent(fault.reorder)} overtake`
    case 'ocean':
      return `for ${fault.forMs} ms frames take 150 to 300 ms, and each connection loses all for ${fault.burstMs} ms every ${fault.everyMs} ms or so`
    case 'rebind':
      return `the NAT before host ${fault.who} forgets its mappings`
    case 'restart': {
      const lost = fault.how === 'crash' ? `the power of host ${fault.who} fails` : `host ${fault.who} is killed`
      return `${lost}, and it starts again ${fault.downMs} ms later`
    }
    case 'full-disk':
      return `the disk of host ${fault.who} is full for ${fault.forMs} ms${fault.reboots ? ', then its power fails and returns' : ''}`
    case 'renew':
    case 'release':
      return `host ${fault.who} ${fault.kind}s its lease`
  }
}

function percent(share: number): string {
  return `${share * 100} %`
}
