// One header value, however often it was sent.
export function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}

/** The values of a header that is sent once for each; empty ones say nothing. */
export function several(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  // Node joins repeated headers with a comma and a space.
  return (Array.isArray(value) ? value : value.split(', ')).filter((v) => v !== '');
}

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
