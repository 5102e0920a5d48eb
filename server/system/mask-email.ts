/** Shortens an e-mail address so that its owner recognises it and nobody else learns it. */

/** `anna@mail.example` becomes `a***@m***.example`; text that is no address becomes `***`. */
export function maskEmail(email: string): string {
  const [, first, domainFirst, ending] = /^(.)[^@]*@(.)[^@]*?(\.[A-Za-z0-9-]+)?$/u.exec(email) ?? [];
  if (!first || !domainFirst) return '***';
  return `${first}***@${domainFirst}***${ending ?? ''}`;
}
