/**
 * What a link hands to its owner: frames in order, then the end, once.
 *
 * Guarantees: what happens before the owner sets its handlers is kept. No frame comes after the end. A setter never
 * calls the owner's handler from inside: what was kept is handed over in a microtask.
 */

import { EARLY_BACKLOG } from './constants.ts'

export class Inbox {
  #frameHandler: ((frame: Uint8Array) => void) | undefined
  #closeHandler: (() => void) | undefined
  #early: Uint8Array[] = []
  #earlyBytes = 0
  #state: 'open' | 'ended' | 'told' = 'open'

  set onFrame(handler: (frame: Uint8Array) => void) {
    this.#frameHandler = handler
    queueMicrotask(() => this.#deliver())
  }

  set onClose(handler: () => void) {
    this.#closeHandler = handler
    queueMicrotask(() => this.#deliver())
  }

  /** Hands over a frame, or keeps it. False when the owner leaves too much untaken: the link should be given up. */
  push(frame: Uint8Array): boolean {
    if (this.#state !== 'open') return true
    if (this.#frameHandler !== undefined && this.#early.length === 0) {
      this.#frameHandler(frame)
      return true
    }
    this.#early.push(frame)
    this.#earlyBytes += frame.length
    return this.#earlyBytes <= EARLY_BACKLOG
  }

  /** The link has ended; frames that came before are still handed over, unless the owner itself closed it. */
  end(closedByOwner: boolean): void {
    if (this.#state !== 'open') return
    this.#state = 'ended'
    if (closedByOwner) this.#early = []
    queueMicrotask(() => this.#deliver())
  }

  #deliver(): void {
    const handler = this.#frameHandler
    while (handler !== undefined && this.#early.length > 0 && this.#state !== 'told') {
      const frame = this.#early.shift()
      if (frame !== undefined) handler(frame)
    }
    if (this.#early.length === 0) this.#earlyBytes = 0
    if (this.#state !== 'ended' || this.#closeHandler === undefined) return
    this.#state = 'told'
    this.#early = []
    this.#closeHandler()
  }
}
