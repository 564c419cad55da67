import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { Lab, labMissing } from '../../lab/lab.ts'

/** Opens a lab with a node in it, prints where both are, and waits to be ended. */
const PROGRAM = `
import { Lab } from './lab/lab.ts'
const lab = await Lab.open()
const { agent } = await lab.bootstrap()
console.log(JSON.stringify({ netns: agent.options.netns.name, folder: lab.folder, agent: agent.pid }))
await new Promise((resolve) => setTimeout(resolve, 600_000))
`

interface Running {
  readonly child: ChildProcess
  readonly netns: string
  readonly folder: string
  readonly agent: number
}

async function labInAnotherProcess(): Promise<Running> {
  const argv = ['--import', 'tsx', '--input-type=module', '--eval', PROGRAM]
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, ...(JSON.parse(line.toString()) as Omit<Running, 'child'>) }
}

function listed(netns: string): boolean {
  return execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).includes(netns)
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

describe('the lab', { skip: labMissing() }, () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`leaves nothing behind when it is ended with ${signal}`, async () => {
      const { child, netns, folder, agent } = await labInAnotherProcess()
      assert.ok(listed(netns) && existsSync(folder) && isRunning(agent))
      child.kill(signal)
      await once(child, 'exit')
      assert.ok(!listed(netns) && !existsSync(folder) && !isRunning(agent))
    })
  }

  test('that was killed leaves no process, and the next lab removes the rest', async () => {
    const { child, netns, folder, agent } = await labInAnotherProcess()
    child.kill('SIGKILL')
    await once(child, 'exit')
    while (isRunning(agent)) await new Promise((resolve) => setTimeout(resolve, 50))
    assert.ok(listed(netns) && existsSync(folder))
    const next = await labInAnotherProcess()
    assert.ok(!listed(netns) && !existsSync(folder))
    assert.ok(listed(next.netns))
    next.child.kill('SIGTERM')
    await once(next.child, 'exit')
  })

  test('has namespaces of its own for every host', async () => {
    const lab = await Lab.open()
    const one = await lab.netns('one')
    const two = await lab.netns('two')
    await one.ip('link', 'add', 'only-here', 'type', 'bridge')
    assert.ok(!(await two.ip('link')).includes('only-here'))
    lab.close()
    assert.ok(!listed(one.name) && !listed(two.name))
  })
})
