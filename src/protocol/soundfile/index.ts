export { type Bytes, bytesOf } from './bytes.ts'
export { LONGEST, openSound, type SoundFile } from './sound-file.ts'
export { unreadable } from './unreadable.ts'
export { readWav } from './wav.ts'
