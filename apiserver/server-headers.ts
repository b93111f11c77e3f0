// One header value, however often it was sent.
export function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}

/** The values of a header that is sent once for each, which Node joins with a comma and a space. */
export const valuesOf = (value: string | string[] | undefined): string[] =>
  Array.isArray(value) ? value : (value?.split(', ') ?? []);

/** The same where empty ones say nothing. */
export const several = (value: string | string[] | undefined): string[] => valuesOf(value).filter((v) => v !== '');

/** What speaks of one connection, and the client's own credentials: neither goes on through a proxy. */
export const hopHeaders: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'upgrade'],
  ...['host', 'authorization', 'http2-settings'],
]);

/** The header that tells whom a request came through, this one included. */
export function forwardedFor(headers: Record<string, string | string[] | undefined>, remote: string | undefined) {
  const client = [headers['x-forwarded-for'], remote].flat().filter(Boolean).join(', ');
  return client ? { 'x-forwarded-for': client } : {};
}
