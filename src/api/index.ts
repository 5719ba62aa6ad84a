export type { App, Routes } from './app.ts'
export type { ApiDeps, Calls, EventFeed, RequestMemory } from './deps.ts'
export { createApi } from './server.ts'
