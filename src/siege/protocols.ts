// What a target of a siege answers, beside what every node does.

/** Answered with what was sent. */
export const ECHO_PROTOCOL = '/echo/1'

/** Answered with `FILL_BYTES`, whatever was asked: an answer that piles up where it is not taken. */
export const FILL_PROTOCOL = '/fill/1'

/** Enough to fill what a connection may have on its way, several times over. */
export const FILL_BYTES = 256 * 1024
