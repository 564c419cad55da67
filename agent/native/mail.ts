/** What a reading thread left for JavaScript (mailbox.h): messages that are valid during the call. */

/** What the addon gives for each thread that reads. */
export interface Mailbox {
  readonly bytes: ArrayBuffer
  readonly places: Uint32Array
}

/** Each half has so many bytes and messages, and each message three words: mailbox.h. */
const HALF_BYTES = 512 * 1024
const HALF_MESSAGES = 1024
const PLACE_WORDS = 3

/** Calls `take` for each of the `count` messages of a half. */
export function eachMessage(
  { bytes, places }: Mailbox,
  half: number,
  count: number,
  take: (tag: number, message: Uint8Array) => void,
): void {
  const start = half * HALF_BYTES
  let word = half * HALF_MESSAGES * PLACE_WORDS
  for (let i = 0; i < count; i++, word += PLACE_WORDS) {
    take(places[word + 2]!, new Uint8Array(bytes, start + places[word]!, places[word + 1]!))
  }
}
