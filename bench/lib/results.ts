/**
 * A benchmark's results in bench/results: figures as JSON, a picture as SVG, tables as Markdown. Each file appears whole
 * or not at all.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeWhole } from '../../agent/core/files.ts'
import { inRoot } from '../../scripts/lib/paths.ts'
import { say, sinceStart } from '../../scripts/lib/progress.ts'
import { rounded } from './targets.ts'

const FOLDER = inRoot('bench', 'results')

/** Path of a benchmark's figures. */
export function resultsFile(name: string): string {
  return join(FOLDER, `${name}.json`)
}

/** Writes both files. The figures are rounded for readers (see `rounded`). */
export function writeResults(name: string, figures: object, svg: string): void {
  mkdirSync(FOLDER, { recursive: true })
  const short = (_key: string, value: unknown) => (typeof value === 'number' ? rounded(value) : value)
  writeWhole(resultsFile(name), `${JSON.stringify(figures, short, 2)}\n`, 0o644)
  writeWhole(join(FOLDER, `${name}.svg`), svg, 0o644)
  say(`bench/results/${name}.json and ${name}.svg written after ${sinceStart()}.`)
}

/** Writes tables for readers beside the figures. */
export function writeTables(name: string, markdown: string): void {
  mkdirSync(FOLDER, { recursive: true })
  writeWhole(join(FOLDER, `${name}.md`), markdown, 0o644)
}
