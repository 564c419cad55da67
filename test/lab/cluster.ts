/** The start of most lab tests: a bootstrap node, a namespace and some of its hosts. */

import type { PeerStatus } from '../../agent/control/status.ts'
import { type Bootstrap, type Host, Lab, type NamespaceMade } from '../../lab/lab.ts'

export interface Cluster {
  readonly lab: Lab
  readonly bootstrap: Bootstrap
  readonly namespace: NamespaceMade
  /** In the order of their names. */
  readonly hosts: readonly Host[]
}

/** Hosts that have not been started; `wishes`: see `Lab.createNamespace`; `network`: see `Lab.open`. */
export async function openCluster(
  names: readonly string[],
  wishes: Parameters<Lab['createNamespace']>[1] = { pool: '10.128.0.0/9' },
  network?: string,
): Promise<Cluster> {
  const lab = await Lab.open(network)
  return await orClosed(lab, async () => {
    const bootstrap = await lab.bootstrap()
    const namespace = await lab.createNamespace(bootstrap, wishes)
    const hosts = await Promise.all(names.map((name) => lab.host(name, { token: namespace.token })))
    return { lab, bootstrap, namespace, hosts }
  })
}

/** Hosts that each have an agent and an address. */
export async function joinedCluster(
  ...asked: Parameters<typeof openCluster>
): Promise<Cluster & { readonly ips: readonly string[] }> {
  const cluster = await openCluster(...asked)
  const ips = await orClosed(cluster.lab, () => Promise.all(cluster.hosts.map((host) => host.join())))
  return { ...cluster, ips }
}

/** A test that does not come to its end would leave its agents running. */
async function orClosed<T>(lab: Lab, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await lab.close()
    throw error
  }
}

/** How a host is linked with a peer. */
export async function linkBetween(host: Host, peer: Host): Promise<PeerStatus | undefined> {
  const { address } = await peer.agent.status()
  return (await host.agent.peers()).find((link) => link.address === address)
}

/** What carries a host's tunnel to a virtual IP. */
export async function carrierTo(host: Host, ip: string): Promise<string | undefined> {
  return (await host.agent.status()).tunnels.find((tunnel) => tunnel.ip === ip)?.carrier
}

/** `host1`, `host2` and so on. */
export function hostNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `host${i + 1}`)
}
