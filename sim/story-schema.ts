/** Validates stories from outside: everything that `--replay` accepts. */

import * as v from 'valibot'
import { LIES } from './liar.ts'
import { NAT_KINDS } from './nat.ts'
import { HOLDS } from './node-clock.ts'
import { CARRIERS, type Story } from './story.ts'

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))

const faultSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('boot'), count: whole, nat: v.picklist(NAT_KINDS) }),
  v.strictObject({ kind: v.picklist(['crash', 'kill', 'leave', 'rebind', 'renew', 'release']), who: whole }),
  v.strictObject({ kind: v.literal('restart'), who: whole, how: v.picklist(['crash', 'kill']), downMs: whole }),
  v.strictObject({ kind: v.literal('full-disk'), who: whole, forMs: whole, reboots: v.boolean() }),
  v.strictObject({ kind: v.literal('churn'), sessionMs: whole, forMs: whole }),
  v.strictObject({ kind: v.literal('hold'), who: whole, hold: v.picklist(HOLDS), forMs: whole }),
  v.strictObject({ kind: v.literal('suspend'), who: whole, count: whole, hold: v.picklist(HOLDS), forMs: whole }),
  v.strictObject({ kind: v.literal('partition'), bit: whole, forMs: whole }),
  v.strictObject({ kind: v.literal('wall'), one: whole, other: whole, forMs: whole }),
  v.strictObject({ kind: v.literal('one-way'), from: whole, to: whole, forMs: whole }),
  v.strictObject({
    kind: v.literal('weather'),
    loss: share,
    duplicate: share,
    reorder: share,
    delayMs: whole,
    forMs: whole,
  }),
  v.strictObject({ kind: v.literal('ocean'), burstMs: whole, everyMs: v.pipe(whole, v.minValue(1)), forMs: whole }),
])

export const storySchema: v.GenericSchema<Story> = v.strictObject({
  seed: whole,
  hosts: v.pipe(whole, v.minValue(1)),
  natEvery: whole,
  over: v.optional(v.picklist(CARRIERS)),
  drift: v.pipe(share, v.maxValue(0.1)),
  leaseMs: v.pipe(whole, v.minValue(1_000)),
  liars: v.optional(v.strictObject({ count: whole, lies: v.pipe(v.array(v.picklist(LIES)), v.minLength(1)) })),
  steps: v.array(v.strictObject({ afterMs: whole, fault: faultSchema })),
})
