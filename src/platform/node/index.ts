export { clearInstance, instanceGroup } from './cgroups.ts'
export { Child, type ChildParts, type ChildPlan } from './child.ts'
export { DEFAULT_CONFIG_FILE, defaultConfig, parseConfig, readConfig } from './config.ts'
export { type Database, type DatabaseOptions, startDatabase } from './database.ts'
export { type Lock, lockInstance } from './lock.ts'
export { type LogSink, logSink } from './log-sink.ts'
export { SipCertificate } from './sip-tls.ts'
export { type Machine, missingForStart, thisMachine, warningsForStart } from './start-checks.ts'
export {
  type Account,
  type Accounts,
  keptSecret,
  prepareState,
  readAccounts,
  replaceFile,
  type StatePaths,
  statePaths,
} from './state-directory.ts'
export { compiledCode, isOpen, nodeBinary, nodeCommand, reachableNode, SWITCH_FLAGS, type Tree, treeBind } from './tree.ts'
