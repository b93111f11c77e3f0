// What an image reference says about pulling: `latest`, spoken or not, is pulled every time.
// Upstream: util/parsers and the distribution reference grammar, as far as defaulting needs them.

const domainPattern = /^(?=.*[.:A-Z])[A-Za-z0-9.:[\]-]+\/|^localhost\//;
const repositoryPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;

/**
 * The tag of an image; `latest` without tag and digest, empty with a digest alone or for a text
 * that is no reference.
 */
export function tagOfImage(image: string): string {
  const [name = '', digest] = image.split('@');
  const colon = name.lastIndexOf(':');
  const hasTag = colon > name.lastIndexOf('/');
  const repository = (hasTag ? name.slice(0, colon) : name).replace(domainPattern, '');
  const tag = hasTag ? name.slice(colon + 1) : '';
  if (!repositoryPattern.test(repository) || (hasTag && !tagPattern.test(tag))) return '';
  return tag || (digest === undefined ? 'latest' : '');
}

export function defaultPullPolicy(image: string): 'Always' | 'IfNotPresent' {
  return tagOfImage(image) === 'latest' ? 'Always' : 'IfNotPresent';
}
