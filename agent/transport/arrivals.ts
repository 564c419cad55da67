/** Links that others opened: for the owner at once, or kept until it listens; refused when too many wait. */

import type { Link } from '../overlay/link.ts'
import { MAX_WAITING_LINKS } from './constants.ts'
import type { LinkCounters } from './link-counters.ts'

export class Arrivals {
  readonly #counters: Pick<LinkCounters, 'refused'>
  #handler: ((link: Link) => void) | undefined
  #waiting: Link[] = []

  constructor(counters: Pick<LinkCounters, 'refused'>) {
    this.#counters = counters
  }

  set onLink(handler: (link: Link) => void) {
    this.#handler = handler
    const waiting = this.#waiting
    this.#waiting = []
    for (const link of waiting) handler(link)
  }

  announce(link: Link): void {
    if (this.#handler !== undefined) this.#handler(link)
    else if (this.#waiting.length < MAX_WAITING_LINKS) this.#waiting.push(link)
    else {
      this.#counters.refused++
      link.close()
    }
  }
}
