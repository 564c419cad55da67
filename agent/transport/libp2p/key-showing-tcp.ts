/** A TCP transport of a ring of its own: who dials shows the ring's key first, so the gate of the other side lets him in. */

import type { Transport, Upgrader } from '@libp2p/interface'
import type { TcpFactory } from './open-ports.ts'
import type { RingGate } from './ring-gate.ts'

export function keyShowingTcp(tcp: TcpFactory, gate: RingGate): TcpFactory {
  return (components) => {
    const transport = tcp(components)
    return Object.create(transport, {
      dial: {
        value: (...[address, how]: Parameters<Transport['dial']>) =>
          transport.dial(address, { ...how, upgrader: showing(how.upgrader, gate) }),
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
