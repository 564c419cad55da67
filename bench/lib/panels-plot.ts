/** Draws several comparisons of the same things, a panel of bars for each, from `bench/lib/panels.svg.hbs`. */

import { inRoot } from '../../scripts/lib/paths.ts'
import { render } from '../../scripts/lib/render.ts'
import { rounded } from './targets.ts'

export interface Panel {
  /** With the unit. */
  readonly title: string
  readonly bars: readonly Bar[]
}

export interface Bar {
  readonly label: string
  readonly value: number
  readonly kind: keyof typeof COLOURS
}

/** `reference`: what the others are held against; it does not set the scale, and is cut off where it is longer. */
const COLOURS = { ours: '#3a7', other: '#89a', reference: '#ddd' }

/** Pixels. */
const LABELS = 90
const LONGEST = 170
const TEXT = 60
const GAP = 6
const ROW = 16
const TITLE = 22
const BELOW = 18
const FOOT = 30
const ACROSS = 3

export function panelsPlot(caption: string, panels: readonly Panel[]): string {
  const barX = LABELS + GAP
  const width = barX + LONGEST + TEXT
  const height = TITLE + BELOW + ROW * Math.max(...panels.map(({ bars }) => bars.length))
  const total = Math.ceil(panels.length / ACROSS) * height + FOOT
  return render(inRoot('bench', 'lib', 'panels.svg.hbs'), {
    caption,
    labelX: LABELS,
    barX,
    width: width * ACROSS,
    height: total,
    captionY: total - GAP,
    panels: panels.map(({ title, bars }, index) => {
      const measured = bars.filter(({ kind }) => kind !== 'reference')
      const largest = Math.max(...(measured.length > 0 ? measured : bars).map(({ value }) => value))
      return {
        title,
        x: (index % ACROSS) * width,
        y: Math.floor(index / ACROSS) * height + GAP,
        bars: bars.map(({ label, value, kind }, row) => {
          const length = Math.max(1, Math.round(Math.min(value / largest, 1) * LONGEST))
          return {
            label,
            length,
            colour: COLOURS[kind],
            text: rounded(value),
            y: TITLE + row * ROW,
            textX: barX + length + GAP,
          }
        }),
      }
    }),
  })
}
