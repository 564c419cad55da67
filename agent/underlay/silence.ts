/** For how long sessions may be silent. `keep-alive.ts` measures it. */

import { ASSUMED_SILENCE_MS, SPEAK_AFTER_SHARE } from './constants.ts'

/** What the sessions need to know. */
export interface Silence {
  /** The longest silence after which answers still get in, as far as is known, ms. */
  readonly allowedMs: number
  /** A peer answered what this node asked of it beside a session. */
  onAnswer?(body: Uint8Array): void
}

/** For sessions of which nobody measures anything. */
export const ASSUMED: Silence = { allowedMs: ASSUMED_SILENCE_MS }

/** The same silence for sessions whose answers go to somebody else. */
export function asHeardBy(silence: Silence, onAnswer: (body: Uint8Array) => void): Silence {
  return {
    get allowedMs() {
      return silence.allowedMs
    },
    onAnswer,
  }
}

/** After how long a silence something is said on a link, ms. */
export function speakAfterMs({ allowedMs }: Silence): number {
  return allowedMs * SPEAK_AFTER_SHARE
}
