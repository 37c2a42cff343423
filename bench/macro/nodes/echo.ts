// What both sides of a connection that is measured agree on.

/** The protocol by which a connection shows that it carries something. */
export const ECHO = '/echo/1'
