/** Ours: two agents with the same token, of which one knows the other's endpoint, and a DHCP client on each tap. */

import { AgentProcess } from '../../../lab/agent-process.ts'
import { DhcpClient } from '../../../lab/dhcp-client.ts'
import type { TunnelHost } from '../pair.ts'
import type { Peer } from '../peer.ts'

const PORT = 4001
const TAP = 'wow0'
const CREATE = ['namespace', 'create', '--name', 'bench', '--pool', '10.128.0.0/9', '--json']

export const wow: Peer = {
  name: 'wow',
  packages: [],
  open: async ({ left, right }) => {
    const { token } = JSON.parse(await left.run(['env', `WOW_HOME=${left.folder}`, ...left.netns.wow, ...CREATE]))
    const bootstrap = `/ip4/${left.ip}/tcp/${PORT}`
    await join(left, { token, listen: bootstrap })
    const target = await join(right, { token, bootstrap: [bootstrap] })
    return { target, device: TAP }
  },
}

async function join(
  { netns, folder, pids }: TunnelHost,
  options: { readonly token: string; readonly listen?: string; readonly bootstrap?: readonly string[] },
): Promise<string> {
  const agent = new AgentProcess({ netns, state: `${folder}/state`, ...options })
  pids.push(agent.pid)
  await agent.phase('tap')
  const { ip } = await new DhcpClient(netns, `${folder}/client`, { device: TAP }).start()
  await agent.phase('ready')
  return ip
}
