export { FRAME, FrameReader, LARGEST_PAYLOAD, samplesOf, writeFrame, writeNumber, writeSamples } from './frame.ts'
