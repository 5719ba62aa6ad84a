export { RecordingReader } from './reader.ts'
export { type RecordingFacts, RecordingShelf, type SubscriberSealer } from './shelf.ts'
export { RecordingWriter } from './writer.ts'
