export { Watch, type WatchDeps } from './watch.ts'
