/** Named counters. A dropped frame is counted here by reason and leaves no other trace. */

export class Counters {
  readonly #counts = new Map<string, number>()

  add(name: string, amount = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + amount)
  }

  /** Counts `amount` dropped frames or packets under `reason`. */
  drop(reason: string, amount = 1): void {
    this.add(`drop-${reason}`, amount)
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  snapshot(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
