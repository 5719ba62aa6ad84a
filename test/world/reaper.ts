/** Sweeps one world: `reaper.ts <id>`. Started by a shell that waits until the world's owner has died, however it died. */
import { sweep } from './sweep.ts'

const id = process.argv[2]
if (!id || !/^[a-z0-9]+$/.test(id)) throw new Error('usage: reaper.ts <id>')
await sweep(id)
