/** The version of the agent and of `wow`; the same as in package.json. */
export const VERSION = '0.1.0'
