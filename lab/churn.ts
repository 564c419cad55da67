/**
 * What `make bench-churn` and the lab's tests ask of real agents with unmodified dhclients: members join while others
 * die, and all clients start at once.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Host, Lab } from './lab.ts'
import { until } from './until.ts'

/** Machines that boot at the same time where simultaneous boots are not under test. */
const BATCH = 4

export interface Joined {
  /** From just before the agent was started until the address was on the tap, ms. */
  readonly joinMs: number
  /** From just before dhclient was started, ms. */
  readonly dhcpMs: number
  readonly addressesTried: number
}

/** Members of the namespace, named LABEL1, LABEL2, …; their agents and clients are not started. */
export async function newHosts(lab: Lab, token: string, label: string, count: number): Promise<Host[]> {
  return await Promise.all(Array.from({ length: count }, (_, index) => lab.host(`${label}${index + 1}`, { token })))
}

/** Does `work` for all hosts, a few at a time. */
export async function inBatches(hosts: readonly Host[], work: (host: Host) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < hosts.length; at += BATCH) await Promise.all(hosts.slice(at, at + BATCH).map(work))
}

/** Boots a machine: starts the agent, then dhclient as soon as the tap is up. */
export async function boot(host: Host): Promise<Joined> {
  const startedAt = performance.now()
  const agent = host.startAgent()
  await agent.phase('tap')
  const { ms: dhcpMs } = await host.client.start().catch((error: unknown) => {
    throw new Error(`${host.name} got no address; its agent:\n${agent.log.slice(-15).join('\n')}`, { cause: error })
  })
  const joinMs = performance.now() - startedAt
  await agent.phase('ready')
  return { joinMs, dhcpMs, addressesTried: (await agent.status()).timings.addressesTried ?? Number.NaN }
}

/** Every `periodMs` a newcomer boots and a victim dies at the same moment. @throws when a newcomer gets no address */
export async function churn(
  newcomers: readonly Host[],
  victims: readonly { kill(): Promise<void> }[],
  periodMs: number,
): Promise<Joined[]> {
  const boots: Promise<Joined>[] = []
  for (const [round, newcomer] of newcomers.entries()) {
    const booting = boot(newcomer)
    booting.catch(() => {}) // Awaited below, with the others.
    boots.push(booting)
    await victims[round]?.kill()
    await sleep(periodMs)
  }
  return await Promise.all(boots)
}

/** Addresses that two or more of the hosts have on their taps or lease to their clients. */
export async function duplicatesAmong(hosts: readonly Host[]): Promise<string[]> {
  const seen = new Map<string, Set<string>>()
  const note = (ip: string | undefined, host: string) => {
    if (ip !== undefined) seen.set(ip, (seen.get(ip) ?? new Set()).add(host))
  }
  for (const host of hosts) {
    note(await host.client.address(), host.name)
    for (const { ip } of (await host.agent.status()).leases) note(ip, host.name)
  }
  return [...seen].filter(([, holders]) => holders.size > 1).map(([ip]) => ip)
}

/** Starts all clients together, on agents that are ready; returns how long each took, ms. */
export async function storm(hosts: readonly Host[]): Promise<number[]> {
  await inBatches(hosts, (host) => host.startAgent().phase('ready'))
  return (await Promise.all(hosts.map(({ client }) => client.start()))).map(({ ms }) => ms)
}

/** Adds a machine to a full pool. Resolves once its client got no address and its doctor says why. */
export async function askInVain(host: Host): Promise<void> {
  await host.startAgent().phase('ready')
  host.client.launch()
  await until('the doctor says that the pool is exhausted', async () => {
    const { checks } = await host.agent.doctor()
    return checks.some(({ code, ok }) => code === 'POOL_NOT_EXHAUSTED' && !ok)
  })
}

/** How long a client that asked in vain waits from another lease's end until its own address is on the tap, ms. */
export async function servedAfter(waiting: Host, leaseEnds: Promise<unknown>): Promise<number> {
  await leaseEnds
  const endedAt = performance.now()
  await waiting.client.bound()
  return performance.now() - endedAt
}

/** Kills the client, so that nobody renews its lease. Resolves when it ends within `seconds`; 0: once it has ended. */
export async function runDown({ client, agent }: Host, seconds: number): Promise<void> {
  await client.stop()
  await until('the lease has run down', async () =>
    (await agent.status()).leases.every(({ expiresInS }) => expiresInS < seconds),
  )
}
