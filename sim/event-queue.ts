/**
 * Events in the order of their times, and in the order of their creation where times are equal.
 *
 * They lie in one bucket for each millisecond, and only the bucket that is due is sorted: a large ring has millions of events ahead, most
 * of which are cancelled before they are due.
 */

import type { Timer } from '../agent/core/clock.ts'

export class Event implements Timer {
  readonly at: number
  readonly order: number
  /** undefined: cancelled. */
  task: (() => void) | undefined

  constructor(at: number, order: number, task: () => void) {
    this.at = at
    this.order = order
    this.task = task
  }

  cancel(): void {
    this.task = undefined
  }
}

export class EventQueue {
  /** By the whole milliseconds of their times. */
  readonly #buckets = new Map<number, Event[]>()
  /** The keys of the buckets, as a heap. */
  readonly #keys: number[] = []
  /** The bucket that is due, sorted; those before `#next` have been taken. */
  #due: Event[] = []
  #dueKey = Number.NEGATIVE_INFINITY
  #next = 0

  add(event: Event): void {
    const key = Math.floor(event.at)
    if (key <= this.#dueKey) {
      this.#addToDue(event)
      return
    }
    const bucket = this.#buckets.get(key)
    if (bucket !== undefined) bucket.push(event)
    else {
      this.#buckets.set(key, [event])
      push(this.#keys, key)
    }
  }

  /** The next event; undefined when there is none. */
  peek(): Event | undefined {
    if (this.#next === this.#due.length && !this.#turn()) return undefined
    return this.#due[this.#next]
  }

  /** Takes the event that `peek` has shown. */
  take(): void {
    this.#next++
  }

  #turn(): boolean {
    const key = pop(this.#keys)
    if (key === undefined) return false
    this.#due = this.#buckets.get(key)!.sort(byTime)
    this.#buckets.delete(key)
    this.#dueKey = key
    this.#next = 0
    return true
  }

  /** Behind those of the same time, which were created before. */
  #addToDue(event: Event): void {
    let [low, high] = [this.#next, this.#due.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#due[middle]!.at <= event.at) low = middle + 1
      else high = middle
    }
    this.#due.splice(low, 0, event)
  }
}

function byTime(a: Event, b: Event): number {
  return a.at - b.at || a.order - b.order
}

function push(heap: number[], key: number): void {
  let i = heap.length
  heap.push(key)
  while (i > 0) {
    const parent = (i - 1) >> 1
    if (heap[parent]! <= key) break
    heap[i] = heap[parent]!
    i = parent
  }
  heap[i] = key
}

function pop(heap: number[]): number | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return top
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++
    if (heap[child]! >= last) break
    heap[i] = heap[child]!
    i = child
  }
  heap[i] = last
  return top
}
