/** A TCP transport that listens at ports that are open already, and takes the connections that wait there. */

import { Server } from 'node:net'
import type { Listener, Transport } from '@libp2p/interface'
import type { TCPComponents } from '@libp2p/tcp'
import type { TcpPort } from './tcp-port.ts'

export type TcpFactory = (components: TCPComponents) => Transport

export function onOpenPorts(tcp: TcpFactory, ports: readonly TcpPort[]): TcpFactory {
  return (components) => {
    const transport = tcp(components)
    return Object.create(transport, {
      createListener: {
        value: (...[how]: Parameters<Transport['createListener']>): Listener =>
          onOpenPort(transport.createListener(how), ports),
      },
    })
  }
}

function onOpenPort(listener: Listener, ports: readonly TcpPort[]): Listener {
  if (!isOverServer(listener)) throw new TypeError('this version of @libp2p/tcp keeps its server elsewhere')
  const listen = listener.listen.bind(listener)
  listener.listen = async (address) => {
    ports.find((port) => port.address.equals(address))?.handTo(listener.server)
    await listen(address)
  }
  return listener
}

/** The member of a @libp2p/tcp listener that this code uses and its types omit. */
function isOverServer(listener: Listener): listener is Listener & { readonly server: Server } {
  return 'server' in listener && listener.server instanceof Server
}
