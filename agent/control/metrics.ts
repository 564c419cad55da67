/** `GET /metrics`: the agent's numbers in Prometheus' text format. */

import type { AgentFacts } from './facts.ts'

type Labels = Readonly<Record<string, string>>

export function metricsOf(facts: AgentFacts): string {
  const text = new Exposition()
  const { ring, namespace, phases } = facts
  text.gauge('wow_info', 'Version of the agent.', [[{ version: facts.version }, 1]])
  text.gauge(
    'wow_phase_milliseconds',
    'When a phase of the boot was reached, from the start of the process.',
    phases.expected.flatMap((phase) => {
      const reached = phases.get(phase)
      return reached === undefined ? [] : [[{ phase }, reached.ms] as const]
    }),
  )
  text.gauge('wow_ring_correctly_connected', 'Whether the links to both true neighbours stand.', [
    [{}, ring?.correctlyConnected ? 1 : 0],
  ])
  text.gauge('wow_ring_links', 'Links by role.', [
    [{ role: 'near' }, ring?.near ?? 0],
    [{ role: 'far' }, ring?.far ?? 0],
    [{ role: 'on-demand' }, ring?.onDemand ?? 0],
  ])
  text.gauge('wow_ring_estimated_size', 'Nodes in the ring, estimated.', [[{}, ring?.estimatedSize ?? 0]])
  text.gauge('wow_dht_ready', 'Whether this node answers for its part of the DHT.', [[{}, facts.dhtReady ? 1 : 0]])
  text.counter('wow_overlay_malformed_frames_total', 'Frames of peers that made no sense.', [
    [{}, ring?.malformedFrames ?? 0],
  ])
  text.counter('wow_overlay_excess_frames_total', 'Frames of peers beyond what one link may say.', [
    [{}, ring?.excessFrames ?? 0],
  ])
  if (facts.links !== undefined) {
    const { tcp, udp, datagrams, mapping, mappingOutcomes } = facts.links
    text.counter(
      'wow_link_faults_total',
      'What went wrong on links.',
      Object.entries({ tcp, udp }).flatMap(([carrier, counts]) =>
        Object.entries(counts).map(([fault, count]) => [{ carrier, fault }, count] as const),
      ),
    )
    text.counter(
      'wow_udp_total',
      'Datagrams and sessions of UDP by what became of them.',
      Object.entries(datagrams).map(([outcome, count]) => [{ outcome }, count] as const),
    )
    text.gauge('wow_port_mapping', 'Whether the router lets others in, and who arranged it.', [
      [{ protocol: mapping?.protocol ?? 'none' }, mapping === undefined ? 0 : 1],
    ])
    text.counter(
      'wow_port_mapping_total',
      'Questions to the router, and datagrams that were no answers, by what became of them.',
      Object.entries(mappingOutcomes).map(([outcome, count]) => [{ outcome }, count] as const),
    )
  }
  if (namespace !== undefined) {
    text.gauge('wow_leases', 'Leases that clients of this node hold.', [[{}, namespace.leases.length]])
    text.gauge('wow_tunnels', 'Peers with which packets flow.', [[{}, namespace.tunnels.length]])
    text.counter(
      'wow_frames_total',
      'Frames and packets by what became of them.',
      Object.entries(namespace.counters).map(([outcome, count]) => [{ outcome }, count] as const),
    )
  }
  text.gauge('process_resident_memory_bytes', 'Resident memory.', [[{}, process.memoryUsage.rss()]])
  const { user, system } = process.cpuUsage()
  text.counter('process_cpu_seconds_total', 'CPU time.', [[{}, (user + system) / 1e6]])
  return text.toString()
}

class Exposition {
  #lines: string[] = []

  gauge(name: string, help: string, samples: readonly (readonly [Labels, number])[]): void {
    this.#add('gauge', name, help, samples)
  }

  counter(name: string, help: string, samples: readonly (readonly [Labels, number])[]): void {
    this.#add('counter', name, help, samples)
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`
  }

  #add(type: string, name: string, help: string, samples: readonly (readonly [Labels, number])[]): void {
    if (samples.length === 0) return
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
    for (const [labels, value] of samples) {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`)
      this.#lines.push(`${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`)
    }
  }
}
