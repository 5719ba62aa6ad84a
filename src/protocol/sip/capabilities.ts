/** The methods that we understand, inside or outside of a dialog. */
export const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER'

/** The extensions that we understand (RFC 3262, RFC 3891, RFC 4028). */
export const SUPPORTED: readonly string[] = ['100rel', 'replaces', 'timer']
