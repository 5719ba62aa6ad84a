export type { ShownDialog } from './dialog-info.ts'
export { Lamps, type LampsOptions } from './lamps.ts'
export { Registrar, type RegistrarOptions } from './registrar.ts'
