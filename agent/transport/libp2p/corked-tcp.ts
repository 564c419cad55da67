/**
 * libp2p's TCP, but all bytes that a node sends to a peer in one turn of the event loop go into as few segments as fit.
 *
 * Noise writes a message's length and the message separately, and Yamux adds writes of its own. Without Nagle's
 * algorithm each write is a packet: eleven for a ping and its answer.
 */

import type { Socket } from 'node:net'
import type { Listener, MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'
import { type TCPComponents, type TCPOptions, tcp } from '@libp2p/tcp'

/** The members of a @libp2p/tcp connection that this code uses and its types omit. */
interface OverSocket {
  readonly socket: Socket
  sendData(data: unknown): unknown
}

export function corkedTcp(options: TCPOptions): (components: TCPComponents) => Transport {
  return (components) => {
    const transport: Transport = tcp(options)(components)
    return Object.create(transport, {
      dial: {
        value: (...[address, how]: Parameters<Transport['dial']>) =>
          transport.dial(address, { ...how, upgrader: corking(how.upgrader) }),
      },
      createListener: {
        value: (...[how]: Parameters<Transport['createListener']>): Listener =>
          transport.createListener({ ...how, upgrader: corking(how.upgrader) }),
      },
    })
  }
}

function corking(upgrader: Upgrader): Upgrader {
  return Object.create(upgrader, {
    upgradeInbound: {
      value: (...[connection, how]: Parameters<Upgrader['upgradeInbound']>) =>
        upgrader.upgradeInbound(cork(connection), how),
    },
    upgradeOutbound: {
      value: (...[connection, how]: Parameters<Upgrader['upgradeOutbound']>) =>
        upgrader.upgradeOutbound(cork(connection), how),
    },
  })
}

function cork(connection: MultiaddrConnection): MultiaddrConnection {
  if (!isOverSocket(connection)) throw new TypeError('this version of @libp2p/tcp keeps its socket elsewhere')
  const { socket } = connection
  const send = connection.sendData.bind(connection)
  const uncork = () => socket.uncork()
  connection.sendData = (data) => {
    if (socket.writableCorked === 0) {
      socket.cork()
      setImmediate(uncork)
    }
    return send(data)
  }
  return connection
}

function isOverSocket(connection: object): connection is OverSocket {
  if (!('socket' in connection && 'sendData' in connection)) return false
  const { socket, sendData } = connection
  return typeof socket === 'object' && socket !== null && 'cork' in socket && typeof sendData === 'function'
}
