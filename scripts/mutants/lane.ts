import type { Mutant } from './mutant.ts'

const LANE = ['net/lane/lane.test.ts']

/** The fast path: what lets a packet go past JavaScript that JavaScript would not let through. */
export const LANE_MUTANTS: readonly Mutant[] = [
  {
    name: 'packets go on past JavaScript after an absence',
    file: 'agent/net/lane/fast-path.ts',
    from: '    parts.vigil.onAbsence(() => this.#revoke())\n',
    to: '',
    tests: LANE,
  },
  {
    name: 'the permit outlives what counts as an absence',
    file: 'agent/net/lane/fast-path.ts',
    from: 'tables.permit(ABSENT_AFTER_MS)',
    to: 'tables.permit(10 * ABSENT_AFTER_MS)',
    tests: LANE,
  },
  {
    name: 'a lease that was lost stays in the tables',
    file: 'agent/net/lane/fast-path.ts',
    from: 'if (!kept.has(ip)) this.#removeLocal(ip)',
    to: 'kept.has(ip)',
    tests: LANE,
  },
  {
    name: 'a route outlives the belief in it',
    file: 'agent/net/lane/fast-routes.ts',
    from: '    resolver.onChange = (ip) => this.#check(ip)\n',
    to: '',
    tests: LANE,
  },
  {
    name: 'a lane whose path is gone keeps its routes',
    file: 'agent/net/lane/fast-routes.ts',
    from: 'if (way.lane === undefined) this.remove(ip)\n      else',
    to: 'if (way.lane !== undefined)',
    tests: LANE,
  },
  {
    name: 'both ends of a lane seal with one key',
    file: 'agent/net/lane/lane-keys.ts',
    from: "side === 'offering' ? [0, KEY_BYTES] : [KEY_BYTES, 0]",
    to: '[0, KEY_BYTES]',
    tests: LANE,
  },
  {
    name: 'a lane on which nothing arrives is not left',
    file: 'agent/net/lane/lane.ts',
    from: 'if (!this.#dead) this.#judge()',
    to: 'if (this.#dead) this.#judge()',
    tests: LANE,
  },
  {
    name: 'a lane is left though the link does not answer either',
    file: 'agent/net/lane/lane-silence.ts',
    from: 'const linkAnswers = this.#link.answeredAt >= since + PROBE_MS',
    to: 'const linkAnswers = true',
    tests: LANE,
  },
  {
    name: 'the keys of a lane are never renewed',
    file: 'agent/net/lane/lane.ts',
    from: 'now - lane.madeAt > LANE_KEYS_MS ||',
    to: '',
    tests: LANE,
  },
  {
    name: 'a path is taken to carry what it did once',
    file: 'agent/net/lane/lane.ts',
    from: 'if (this.#lengthsUnanswered > LENGTH_PROBES && this.#longest > SAFE_PACKET) this.#setLongest(SAFE_PACKET)',
    to: '',
    tests: LANE,
  },
  {
    name: 'a peer that is said to be gone is not asked',
    file: 'agent/underlay/session.ts',
    from: 'if (this.#heardAt > since) return',
    to: 'if (this.#heardAt <= since) return',
    tests: ['underlay/roaming.test.ts'],
  },
]
