/** A set of integers, kept as sorted ranges [start, end) that neither overlap nor touch. */

export class Ranges {
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  /** How many ranges there are. */
  get count(): number {
    return this.#starts.length
  }

  /** @param index 0 is the lowest range */
  start(index: number): number {
    return this.#starts[index]!
  }

  end(index: number): number {
    return this.#ends[index]!
  }

  add(start: number, end: number): void {
    if (start >= end) return
    // The ranges that touch the new one are [first, after).
    const first = this.#firstEndingAt(start)
    let after = first
    while (after < this.count && this.#starts[after]! <= end) after++
    if (after === first) {
      this.#starts.splice(first, 0, start)
      this.#ends.splice(first, 0, end)
      return
    }
    this.#starts[first] = Math.min(start, this.#starts[first]!)
    this.#ends[first] = Math.max(end, this.#ends[after - 1]!)
    if (after === first + 1) return
    this.#starts.splice(first + 1, after - first - 1)
    this.#ends.splice(first + 1, after - first - 1)
  }

  remove(start: number, end: number): void {
    if (start >= end) return
    let at = this.#firstEndingAt(start + 1)
    while (at < this.count && this.#starts[at]! < end) {
      const [low, high] = [this.#starts[at]!, this.#ends[at]!]
      const left: [number, number][] = []
      if (low < start) left.push([low, start])
      if (high > end) left.push([end, high])
      this.#starts.splice(at, 1, ...left.map(([from]) => from))
      this.#ends.splice(at, 1, ...left.map(([, to]) => to))
      at += left.length
    }
  }

  removeLowest(): void {
    this.#starts.shift()
    this.#ends.shift()
  }

  has(value: number): boolean {
    const at = this.#firstEndingAt(value + 1)
    return at < this.count && this.#starts[at]! <= value
  }

  /** Whether adding [start, end) would make one more range. */
  wouldSplit(start: number, end: number): boolean {
    const at = this.#firstEndingAt(start)
    return at === this.count || this.#starts[at]! > end
  }

  /** The parts of [start, end) that are not in the set, in order. */
  *missing(start: number, end: number): Generator<readonly [start: number, end: number]> {
    let from = start
    for (let at = this.#firstEndingAt(start); at < this.count && this.#starts[at]! < end; at++) {
      if (from < this.#starts[at]!) yield [from, this.#starts[at]!]
      from = Math.max(from, this.#ends[at]!)
    }
    if (from < end) yield [from, end]
  }

  /** The lowest range whose end is `value` or more. */
  #firstEndingAt(value: number): number {
    // Almost always the last one.
    if (this.count > 0 && this.#starts[this.count - 1]! <= value) {
      return this.#ends[this.count - 1]! >= value ? this.count - 1 : this.count
    }
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#ends[middle]! >= value) high = middle
      else low = middle + 1
    }
    return low
  }
}
