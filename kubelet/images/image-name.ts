// Image names as people write them: checked, and `latest` added where there is neither tag nor digest.
// Upstream: pkg/util/parsers over distribution/reference, with its error texts.

const domainComponent = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domain = `(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const pathComponent = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const namePattern = `(?:${domain}/)?${pathComponent}(?:/${pathComponent})*`;
const referencePattern = new RegExp(
  `^(${namePattern})(?::([\\w][\\w.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$`,
);

export class InvalidImageName extends Error {}

/** The name with its default tag. Throws InvalidImageName. */
export function applyDefaultTag(image: string): string {
  const match = referencePattern.exec(image);
  if (!match) {
    throw new InvalidImageName(
      `Failed to apply default image tag "${image}": couldn't parse image name "${image}": ${describeProblem(image)}`,
    );
  }
  return match[2] || match[3] ? image : `${image}:latest`;
}

function describeProblem(image: string): string {
  const remote = repositoryOf(image);
  if (remote !== remote.toLowerCase()) return `invalid reference format: repository name (${remote}) must be lowercase`;
  return 'invalid reference format';
}

/** The part between registry and tag. */
function repositoryOf(image: string): string {
  const slash = image.indexOf('/');
  const first = image.slice(0, Math.max(0, slash));
  const isRegistry = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const rest = isRegistry ? image.slice(slash + 1) : image;
  return rest.split(':')[0]!;
}

/** The registry a name leads to: what credentials are looked up by. */
export function registryOf(image: string): string {
  const slash = image.indexOf('/');
  const first = image.slice(0, Math.max(0, slash));
  return slash >= 0 && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io';
}

/** The whole name without tag and digest, Docker Hub's short names spelled out. */
export function fullNameOf(image: string): string {
  const registry = registryOf(image);
  const rest = image.startsWith(`${registry}/`) ? image.slice(registry.length + 1) : image;
  const path = rest.split('@')[0]!.split(':')[0]!;
  return `${registry}/${registry === 'docker.io' && !path.includes('/') ? 'library/' : ''}${path}`;
}
