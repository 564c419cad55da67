/** What a reading thread left for JavaScript (mailbox.h): messages that are valid during the call. */

/** What the addon gives for each thread that reads. */
export interface Mailbox {
  readonly bytes: ArrayBuffer
  readonly places: Uint32Array
}

/** Words of each message's place: mailbox.h. */
const PLACE_WORDS = 3

/** Calls `take` for each of the `count` messages of a half. */
export function eachMessage(
  { bytes, places }: Mailbox,
  half: number,
  count: number,
  take: (tag: number, message: Uint8Array) => void,
): void {
  const start = (half * bytes.byteLength) / 2
  let word = (half * places.length) / 2
  for (let i = 0; i < count; i++, word += PLACE_WORDS) {
    take(places[word + 2]!, new Uint8Array(bytes, start + places[word]!, places[word + 1]!))
  }
}
