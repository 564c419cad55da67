/** The Internet checksum (RFC 1071) and its incremental update (RFC 1624). */

/** The one's complement sum of `bytes[start..end)` on top of `sum`, folded to 16 bits, not yet complemented. */
export function onesSum(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum
  const even = start + ((end - start) & ~1)
  for (let i = start; i < even; i += 2) total += (bytes[i]! << 8) | bytes[i + 1]!
  if (even < end) total += bytes[even]! << 8
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000)
  return total
}

export function checksum(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  return ~onesSum(bytes, start, end, sum) & 0xffff
}

/** The checksum after one 16-bit word that it covers changed from `before` to `after` (RFC 1624, equation 3). */
export function updateChecksum(sum: number, before: number, after: number): number {
  let total = (~sum & 0xffff) + (~before & 0xffff) + after
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
  return ~total & 0xffff
}
