/**
 * A TCP transport of a ring of its own: a connection is libp2p's only after it has passed the ring's gate, so strangers
 * cost no more than their socket and take no place among the connections in the middle of a handshake.
 */

import { Server, type Socket } from 'node:net'
import type { Listener, Transport, Upgrader } from '@libp2p/interface'
import type { TCPComponents } from '@libp2p/tcp'
import type { RingGate } from './ring-gate.ts'

type TcpFactory = (components: TCPComponents) => Transport

export function gatedTcp(tcp: TcpFactory, gate: RingGate): TcpFactory {
  return (components) => {
    const transport = tcp(components)
    return Object.create(transport, {
      dial: {
        value: (...[address, how]: Parameters<Transport['dial']>) =>
          transport.dial(address, { ...how, upgrader: showing(how.upgrader, gate) }),
      },
      createListener: {
        value: (...[how]: Parameters<Transport['createListener']>): Listener =>
          gated(transport.createListener(how), gate),
      },
    })
  }
}

function showing(upgrader: Upgrader, gate: RingGate): Upgrader {
  return Object.create(upgrader, {
    upgradeOutbound: {
      value: (...[connection, how]: Parameters<Upgrader['upgradeOutbound']>) => {
        connection.send(gate.show())
        return upgrader.upgradeOutbound(connection, how)
      },
    },
  })
}

function gated(listener: Listener, gate: RingGate): Listener {
  if (!isOverServer(listener)) throw new TypeError('this version of @libp2p/tcp keeps its server elsewhere')
  const { server } = listener
  const accepting = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    gate.admit(socket, () => {
      for (const accept of accepting) accept.call(server, socket)
    })
  })
  // A server closes when its last socket has.
  const close = listener.close.bind(listener)
  listener.close = (...how) => {
    gate.close()
    return close(...how)
  }
  return listener
}

/** The member of a @libp2p/tcp listener that this code uses and its types omit. */
function isOverServer(listener: Listener): listener is Listener & { readonly server: Server } {
  return 'server' in listener && listener.server instanceof Server
}
