/** The protocol by which a connection shows that it carries something. */
export const ECHO = '/echo/1'
