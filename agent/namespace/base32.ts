/** RFC 4648 base32 in lower case without padding: survives shells, file names, DNS labels and double clicks. */

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

export function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(held >>> bits) & 31]
    }
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text
}

/** The bytes, or the index of the first invalid character (`text.length` when the end is cut). */
export function fromBase32(text: string): Uint8Array | number {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8))
  let at = 0
  let bits = 0
  let held = 0
  for (let place = 0; place < text.length; place++) {
    const value = ALPHABET.indexOf(text[place]!)
    if (value < 0) return place
    held = ((held << 5) | value) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = (held >>> bits) & 255
    }
  }
  const whole = bits < 5 && (held & ((1 << bits) - 1)) === 0
  return whole ? bytes : text.length
}
