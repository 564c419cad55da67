/** Answers other nodes' requests about the ring: name your neighbours, say how to reach a node, dial me back. */

import { EMPTY } from '../core/bytes.ts'
import { decode } from '../core/codec.ts'
import type { Address } from './address.ts'
import { type Connector, encodeContacts } from './connector.ts'
import { NEAR_PER_SIDE } from './constants.ts'
import type { Contact, LinkLayer } from './link.ts'
import { ringRequestCodec } from './messages.ts'
import type { NearLinks } from './near-links.ts'
import { Refusal, type RequestHandler } from './overlay.ts'
import type { Peers } from './peers.ts'

export function ringService(parts: {
  links: LinkLayer
  peers: Peers
  near: NearLinks
  connector: Connector
}): RequestHandler {
  const { links, peers, near, connector } = parts
  const me = (): Contact => ({ address: links.self, endpoints: links.endpoints() })

  const contactOf = (address: Address): Contact | undefined => {
    if (address === links.self) return me()
    const peer = peers.get(address)
    return peer === undefined || peer.endpoints.length === 0 ? undefined : { address, endpoints: peer.endpoints }
  }

  return ({ source, via, body }) => {
    const request = decode(ringRequestCodec, body)
    switch (request.kind) {
      case 'neighbors': {
        const around = [...near.left.slice(0, NEAR_PER_SIDE), ...near.right.slice(0, NEAR_PER_SIDE)]
        const contacts = [...new Set(around)].map(contactOf).filter((contact) => contact !== undefined)
        return encodeContacts([me(), ...contacts.filter(({ address }) => address !== source)])
      }
      case 'contact':
        return encodeContacts([contactOf(request.of) ?? me()])
      case 'dialBack':
        if (request.asker.address !== source) throw new Refusal('a node asks for itself only')
        connector.onDialBack(request.asker, via)
        return EMPTY
    }
  }
}
