// What form the client wants its answer in: plain objects, a Table for people, or metadata alone; JSON or YAML.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
import { notAcceptableError } from '../../machinery/errors.ts';

export type ObjectForm = 'object' | 'Table' | 'PartialObjectMetadata';

export interface MediaChoice {
  form: ObjectForm;
  encoding: 'json' | 'yaml';
  /** The group/version of the Table or PartialObjectMetadata. */
  metaVersion: 'v1' | 'v1beta1';
}

const plainJson: MediaChoice = { form: 'object', encoding: 'json', metaVersion: 'v1' };

/**
 * Picks the first form of the Accept header that this server has; 406 when there is none. What is
 * no stored object has no columns.
 */
export function negotiate(accept: string | undefined, { hasTable = true } = {}): MediaChoice {
  if (!accept || accept === 'application/json' || accept === '*/*') return plainJson;
  for (const clause of accept.split(',')) {
    const [type, ...parameters] = clause.split(';').map((p) => p.trim());
    const encoding = type === 'application/yaml' ? 'yaml' : 'json';
    if (!['application/json', 'application/yaml', '*/*', 'application/*'].includes(type!)) continue;
    const values = new Map(parameters.map((p) => p.split('=', 2) as [string, string]));
    const as = values.get('as');
    if (as === undefined) return { ...plainJson, encoding };
    const version = values.get('v') === 'v1beta1' ? 'v1beta1' : 'v1';
    const isMeta = values.get('g') === 'meta.k8s.io' && (values.get('v') === 'v1' || values.get('v') === 'v1beta1');
    if (!isMeta) continue;
    if (as === 'Table' && hasTable) return { form: 'Table', encoding, metaVersion: version };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
      return { form: 'PartialObjectMetadata', encoding, metaVersion: version };
    }
  }
  throw notAcceptableError('only the following media types are accepted: application/json, application/yaml');
}

/** The form of a watch: events come as JSON alone. */
export function negotiateWatch(accept: string | undefined): MediaChoice {
  const clauses = accept?.split(',').filter((clause) => clause.split(';')[0]!.trim() !== 'application/yaml');
  if (clauses?.length === 0) throw notAcceptableError('only the following media types are accepted: application/json');
  return negotiate(clauses?.join(','));
}
