/** A TCP stream between two hosts of a lab, by iperf3, with the congestion control that Debian has by default. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from '../../lab/lab.ts'

/** For the server to listen, ms. */
const UP_MS = 500
/** A client that takes so much longer than it was told hangs, s. */
const SLACK_S = 30

/** What arrived at the host with the virtual IP, Mbit/s. @throws when the stream does not come to its end */
export async function tcpStream(from: Host, to: Host, ip: string, seconds: number): Promise<number> {
  const server = to.netns.spawn('iperf3', ['--server', '--one-off'])
  try {
    await sleep(UP_MS)
    const options = ['--time', String(seconds), '--connect-timeout', '3000', '--congestion', 'cubic']
    const client = ['iperf3', '--json', '--client', ip, ...options]
    const report = JSON.parse(await from.netns.run('timeout', String(seconds + SLACK_S), ...client))
    return report.end.sum_received.bits_per_second / 1e6
  } finally {
    server.kill()
  }
}
