/**
 * Lists an image's contents as SPDX 2.3 (ISO/IEC 5962) in JSON: every Debian package that dpkg has in the image, and
 * every npm package that is bundled into the agent.
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { VERSION } from '../../../agent/version.ts'
import { inRoot } from '../../lib/paths.ts'
import { sourceDateEpoch } from './reproducible.ts'

export interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly source: string
}

interface SpdxPackage {
  readonly SPDXID: string
  readonly name: string
  readonly versionInfo: string
  readonly supplier: string
  readonly downloadLocation: 'NOASSERTION'
  readonly filesAnalyzed: false
  readonly licenseConcluded: 'NOASSERTION'
  readonly licenseDeclared: string
  readonly copyrightText: 'NOASSERTION'
  readonly sourceInfo?: string
  readonly externalRefs?: readonly {
    readonly referenceCategory: 'PACKAGE-MANAGER'
    readonly referenceType: 'purl'
    readonly referenceLocator: string
  }[]
}

const lockSchema = v.object({
  packages: v.record(
    v.string(),
    v.object({
      version: v.optional(v.string()),
      license: v.optional(v.string()),
      dev: v.optional(v.boolean()),
      optional: v.optional(v.boolean()),
    }),
  ),
})

/** Parses the lines that packages.ts writes. */
export function parsePackageList(text: string): DebianPackage[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', version = '', architecture = '', source = ''] = line.split('\t')
      return { name, version, architecture, source }
    })
}

export interface SbomInput {
  readonly flavour: string
  readonly suite: string
  readonly baseId: string
  readonly packages: readonly DebianPackage[]
}

/** The document, the same bytes for the same base. */
export function sbom({ flavour, suite, baseId, packages }: SbomInput): string {
  const image: SpdxPackage = {
    ...common,
    SPDXID: 'SPDXRef-Image',
    name: `wow-appliance-${flavour}`,
    versionInfo: `${VERSION}-${baseId}`,
    supplier: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
  }
  const contents = [...packages.map((entry) => debian(entry, suite)), agent(), ...npmPackages()]
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: image.name,
    documentNamespace: `urn:uuid:${uuidOf(baseId)}`,
    creationInfo: {
      created: new Date(sourceDateEpoch() * 1000).toISOString().replace('.000Z', 'Z'),
      creators: [`Tool: wow-appliance-${VERSION}`],
    },
    packages: [image, ...contents],
    relationships: [
      relation('SPDXRef-DOCUMENT', 'DESCRIBES', image.SPDXID),
      ...contents.map(({ SPDXID }) => relation(image.SPDXID, 'CONTAINS', SPDXID)),
    ],
  }
  return `${JSON.stringify(document, null, 1)}\n`
}

const common = {
  downloadLocation: 'NOASSERTION',
  filesAnalyzed: false,
  licenseConcluded: 'NOASSERTION',
  copyrightText: 'NOASSERTION',
} as const

const relation = (from: string, relationshipType: string, to: string) => ({
  spdxElementId: from,
  relationshipType,
  relatedSpdxElement: to,
})

/** An identifier may contain only letters, digits, dots and dashes. */
const identifier = (...parts: string[]) => `SPDXRef-${parts.join('-').replace(/[^A-Za-z0-9.-]/g, '-')}`

function purl(locator: string): Pick<SpdxPackage, 'externalRefs'> {
  return {
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: locator }],
  }
}

function debian({ name, version, architecture, source }: DebianPackage, suite: string): SpdxPackage {
  const locator = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=${suite}`
  return {
    ...common,
    SPDXID: identifier('deb', name, architecture),
    name,
    versionInfo: version,
    supplier: 'Organization: Debian',
    // Debian keeps licences as text, in /usr/share/doc/<package>/copyright.
    licenseDeclared: 'NOASSERTION',
    sourceInfo: `built from Debian source package ${source}`,
    ...purl(locator),
  }
}

function agent(): SpdxPackage {
  return {
    ...common,
    SPDXID: 'SPDXRef-agent',
    name: 'wow',
    versionInfo: VERSION,
    supplier: 'NOASSERTION',
    licenseDeclared: 'Apache-2.0',
  }
}

/** The packages in package-lock.json that the agent needs to run; the bundler takes its code from them. */
function npmPackages(): SpdxPackage[] {
  const { packages } = v.parse(lockSchema, JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8')))
  const bundled = new Map<string, SpdxPackage>()
  for (const [path, { version, license, dev, optional }] of Object.entries(packages)) {
    if (path === '' || version === undefined || dev === true || optional === true) continue
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const id = identifier('npm', name, version)
    bundled.set(id, {
      ...common,
      SPDXID: id,
      name,
      versionInfo: version,
      supplier: 'NOASSERTION',
      licenseDeclared: license ?? 'NOASSERTION',
      ...purl(`pkg:npm/${name.replace('@', '%40')}@${version}`),
    })
  }
  return [...bundled.values()].sort((a, b) => (a.SPDXID < b.SPDXID ? -1 : 1))
}

/** A UUID of version 8 (RFC 9562) that names the base. */
function uuidOf(baseId: string): string {
  const digits = createHash('sha256').update(`wow sbom ${baseId}`).digest('hex')
  const variant = ((Number.parseInt(digits.charAt(16), 16) & 3) | 8).toString(16)
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join('-')
}
