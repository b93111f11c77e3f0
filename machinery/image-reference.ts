// Image names as people write them: `busybox`, `ghcr.io/a/b:1`, `host:5000/x@sha256:...`; and what they stand for.
// Upstream counterpart: distribution/reference, whose wording of errors users see in their pods.

export interface ImageReference {
  /** Registry host with port; `docker.io` when none was written. */
  domain: string;
  /** Repository below the domain; `library/` is added on docker.io. */
  path: string;
  tag?: string;
  digest?: string;
}

const pathPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const domainPattern =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d+)?$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-f]{32,}$/;
const idPattern = /^(?:sha256:)?([0-9a-f]{64})$/;

const maxNameLength = 255;

const invalid = (text: string, why = '') =>
  new Error(`couldn't parse image name "${text}": invalid reference format${why}`);

interface Parts extends ImageReference {
  /** As it was written. */
  shortPath: string;
}

/** The parts of a name, whatever they hold; one with neither tag nor digest gets the tag `latest`. */
function splitReference(text: string): Parts {
  const at = text.indexOf('@');
  const [beforeDigest, digest] = at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
  const slash = beforeDigest.indexOf('/');
  const first = slash < 0 ? '' : beforeDigest.slice(0, slash);
  // The first part is a host if it could not be a repository: it has a dot or port, capitals, or is localhost.
  const hasDomain = first !== '' && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const domain = hasDomain ? first.replace(/^index\.docker\.io$/, 'docker.io') : 'docker.io';
  const rest = hasDomain ? beforeDigest.slice(slash + 1) : beforeDigest;
  const colon = rest.lastIndexOf(':');
  const hasTag = colon >= 0 && !rest.slice(colon).includes('/');
  const shortPath = hasTag ? rest.slice(0, colon) : rest;
  const tag = hasTag ? rest.slice(colon + 1) : digest === undefined ? 'latest' : undefined;
  const path = domain === 'docker.io' && !shortPath.includes('/') ? `library/${shortPath}` : shortPath;
  const named = { domain, path, shortPath, ...(tag === undefined ? {} : { tag }) };
  return digest === undefined ? named : { ...named, digest };
}

/** Parses and completes a name. Throws an Error for what is none. */
export function parseReference(text: string): ImageReference {
  const { shortPath, ...ref } = splitReference(text);
  const { domain, path, tag, digest } = ref;
  if (digest !== undefined && !digestPattern.test(digest)) throw invalid(text);
  if (shortPath !== shortPath.toLowerCase()) throw invalid(text, `: repository name (${shortPath}) must be lowercase`);
  if (domain.length + path.length > maxNameLength)
    throw invalid(text.slice(0, 300), `: repository name must not be more than ${maxNameLength} characters`);
  if (!domainPattern.test(domain) || !pathPattern.test(path)) throw invalid(text);
  if (tag !== undefined && !tagPattern.test(tag)) throw invalid(text);
  return ref;
}

/** A name with its default tag. Throws as `parseReference`. */
export function applyDefaultTag(text: string): string {
  const { tag, digest } = parseReference(text);
  return digest !== undefined || text.endsWith(`:${tag}`) ? text : `${text}:${tag}`;
}

/** The registry that a name leads to. */
export const registryOf = (text: string) => splitReference(text).domain;

/** The whole name without tag and digest, Docker Hub's short names spelled out. */
export const fullNameOf = (text: string) => repositoryOf(splitReference(text));

export const repositoryOf = (ref: ImageReference) => `${ref.domain}/${ref.path}`;

/** The full name: a digest wins over a tag, since it says exactly which image. */
export function formatReference(ref: ImageReference): string {
  return ref.digest ? `${repositoryOf(ref)}@${ref.digest}` : `${repositoryOf(ref)}:${ref.tag}`;
}

/** The hex digits when the text is an image id (`sha256:<64 hex>` or bare), else undefined. */
export function parseImageId(text: string): string | undefined {
  return idPattern.exec(text)?.[1];
}
