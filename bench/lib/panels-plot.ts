/** Draws several comparisons of the same things, a panel of bars for each, from `bench/lib/panels.svg.hbs`. */

import { inRoot } from '../../scripts/lib/paths.ts'
import { render } from '../../scripts/lib/render.ts'
import { rounded } from './targets.ts'

export interface Panel {
  /** With the unit. */
  readonly title: string
  readonly bars: readonly { readonly label: string; readonly value: number; readonly marked: boolean }[]
}

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
      const largest = Math.max(...bars.map(({ value }) => value))
      return {
        title,
        x: (index % ACROSS) * width,
        y: Math.floor(index / ACROSS) * height + GAP,
        bars: bars.map(({ label, value, marked }, row) => {
          const length = Math.max(1, Math.round((value / largest) * LONGEST))
          const colour = marked ? '#3a7' : '#89a'
          return { label, length, colour, text: rounded(value), y: TITLE + row * ROW, textX: barX + length + GAP }
        }),
      }
    }),
  })
}
