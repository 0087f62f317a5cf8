/** A failure to start that its message explains completely, for the person who can mend it: shown without a stack. */
export class StartError extends Error {}
