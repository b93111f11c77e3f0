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
