// Rules for names, label keys and label values, with the texts that tell people what is wrong.
// Each function returns the complaints, none if the value is fine. Upstream: apimachinery's util/validation.

const dns1123LabelPattern = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dns1123SubdomainPattern = `${dns1123LabelPattern}(\\.${dns1123LabelPattern})*`;
const identifierPattern = '[A-Za-z_][A-Za-z0-9_]*';
const wildcardPattern = `\\*\\.${dns1123SubdomainPattern}`;
const httpPathPattern = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const dns1035LabelPattern = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualifiedNamePattern = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValuePattern = `(${qualifiedNamePattern})?`;

const whole = (pattern: string) => new RegExp(`^(?:${pattern})$`);
const dns1123Label = whole(dns1123LabelPattern);
const dns1123Subdomain = whole(dns1123SubdomainPattern);
const identifier = whole(identifierPattern);
const wildcardSubdomain = whole(wildcardPattern);
const httpPath = whole(httpPathPattern);
const dns1035Label = whole(dns1035LabelPattern);
const qualifiedName = whole(qualifiedNamePattern);
const labelValue = whole(labelValuePattern);

const dns1123LabelMaxLength = 63;
const dns1123SubdomainMaxLength = 253;

/** Lengths count bytes, as the server measures them. */
export function byteLength(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

const tooLongText = (max: number) => `must be no more than ${max} characters`;
/** The same of labels. */
const tooManyBytesText = (max: number) => `must be no more than ${max} bytes`;
const emptyText = 'must be non-empty';

/**
 * "text (e.g. 'a',  or 'b', regex used for validation is '...')", the two blanks included: people
 * compare these texts.
 */
export function patternText(text: string, pattern: string, examples: readonly string[]): string {
  if (examples.length === 0) return `${text} (regex used for validation is '${pattern}')`;
  return `${text} (e.g. ${examples.map((e) => `'${e}'`).join(',  or ')}, regex used for validation is '${pattern}')`;
}

const dns1123LabelText = patternText(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  dns1123LabelPattern,
  ['my-name', '123-abc'],
);
const dns1123SubdomainText = patternText(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  dns1123SubdomainPattern,
  ['example.com'],
);
const dns1035LabelText = patternText(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  dns1035LabelPattern,
  ['my-name', 'abc-123'],
);
const qualifiedNameText =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

export function checkDNS1123Label(value: string): string[] {
  const complaints = byteLength(value) > dns1123LabelMaxLength ? [tooLongText(dns1123LabelMaxLength)] : [];
  if (!dns1123Label.test(value)) {
    // A name that would do as a subdomain has only the dots wrong.
    complaints.push(dns1123Subdomain.test(value) ? 'must not contain dots' : dns1123LabelText);
  }
  return complaints;
}

export function checkDNS1123Subdomain(value: string): string[] {
  const complaints = byteLength(value) > dns1123SubdomainMaxLength ? [tooLongText(dns1123SubdomainMaxLength)] : [];
  if (!dns1123Subdomain.test(value)) complaints.push(dns1123SubdomainText);
  return complaints;
}

const searchLabelPattern = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const searchDomainPattern = `${searchLabelPattern}(\\.${searchLabelPattern})*`;
const searchDomain = new RegExp(`^${searchDomainPattern}$`);

/** A domain that names are looked up in: one with underscores. */
export function checkSearchDomain(value: string): string[] {
  const complaints = byteLength(value) > dns1123SubdomainMaxLength ? [tooLongText(dns1123SubdomainMaxLength)] : [];
  if (searchDomain.test(value)) return complaints;
  const text =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
  return [...complaints, patternText(text, searchDomainPattern, ['example.com'])];
}

const wildcardText = patternText(
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  wildcardPattern,
  ['*.example.com'],
);

/** `*.example.com` */
export function checkWildcardDNS1123Subdomain(value: string): string[] {
  const complaints = byteLength(value) > dns1123SubdomainMaxLength ? [tooLongText(dns1123SubdomainMaxLength)] : [];
  if (!wildcardSubdomain.test(value)) complaints.push(wildcardText);
  return complaints;
}

const identifierText = patternText(
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
  identifierPattern,
  ['my_name', 'MY_NAME', 'MyName'],
);

export function checkCIdentifier(value: string): string[] {
  return identifier.test(value) ? [] : [identifierText];
}

/** The part of a URL behind the host. */
export function checkHTTPPath(value: string): string[] {
  return httpPath.test(value) ? [] : [patternText('Invalid path', httpPathPattern, [])];
}

export function checkDNS1035Label(value: string): string[] {
  const complaints = byteLength(value) > dns1123LabelMaxLength ? [tooLongText(dns1123LabelMaxLength)] : [];
  if (!dns1035Label.test(value)) complaints.push(dns1035LabelText);
  return complaints;
}

/** Label keys, condition types, resource names: an optional DNS prefix and a name. */
export function checkQualifiedName(value: string): string[] {
  const parts = value.split('/');
  const complaints: string[] = [];
  let name = parts[0]!;
  if (parts.length === 2) {
    const prefix = parts[0]!;
    name = parts[1]!;
    if (prefix === '') complaints.push(`prefix part ${emptyText}`);
    else if (byteLength(prefix) > dns1123SubdomainMaxLength)
      complaints.push(`prefix part ${tooManyBytesText(dns1123SubdomainMaxLength)}`);
    if (prefix !== '' && !dns1123Subdomain.test(prefix)) complaints.push(`prefix part ${dns1123SubdomainText}`);
  } else if (parts.length > 2) {
    const text = patternText(`a valid label key ${qualifiedNameText}`, qualifiedNamePattern, [
      'MyName',
      'my.name',
      '123-abc',
    ]);
    return [`${text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  if (name === '') complaints.push(`name part ${emptyText}`);
  else if (byteLength(name) > 63) complaints.push(`name part ${tooManyBytesText(63)}`);
  if (!qualifiedName.test(name)) {
    const text = patternText(`name part ${qualifiedNameText}`, qualifiedNamePattern, ['MyName', 'my.name', '123-abc']);
    complaints.push(text);
  }
  return complaints;
}

export function checkLabelValue(value: string): string[] {
  const complaints = byteLength(value) > 63 ? [tooManyBytesText(63)] : [];
  if (!labelValue.test(value)) {
    const text = patternText(
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
      labelValuePattern,
      ['MyValue', 'my_value', '12345'],
    );
    complaints.push(text);
  }
  return complaints;
}
