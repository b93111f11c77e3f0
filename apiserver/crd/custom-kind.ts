// The kinds that a CustomResourceDefinition makes: one for each version it serves (see docs/adr/018), in every way like
// the built-in ones.
import type { JSONSchemaProps } from '../../api/apiextensions/customresourcedefinition/json-schema.ts';
import type {
  CustomResourceColumn,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from '../../api/apiextensions/customresourcedefinition/schema.ts';
import { parseTimestamp } from '../../machinery/cel/time.ts';
import { formatAge } from '../../machinery/duration.ts';
import { canonicalJson, detached, jsonEqual, writeJson } from '../../machinery/json.ts';
import { type Column, clientMetadata, defineKind, type Kind, type ScaleSubresource } from '../../machinery/kind.ts';
import { compareVersions } from '../../machinery/kube-version.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { type Converter, storedFormOf } from './conversion.ts';
import { customResourceSchema } from './custom-schema.ts';
import { findByPath, type JsonPath, parseJsonPath } from './json-path.ts';
import { publishedSchema } from './published.ts';
import { Resting } from './resting.ts';
import { type CustomValidator, createValidator, type ScalePaths } from './validation.ts';

/**
 * Where kinds find their definition whenever they need what of it is large: its schemas. It may be another reading of
 * the definition each time, of the same spec.
 */
export interface DefinitionSource {
  readonly definition: CustomResourceDefinition;
}

export interface CustomKinds {
  /** The versions that are served, the best first. */
  served: Kind[];
  /** The version that objects are kept in. */
  storage: Kind;
  /** Lets go of what was made of the schemas and not needed since the last time. */
  restIfIdle(): void;
}

/**
 * `definition` says how it is to be served now, and what of it is small is kept; its schemas come from `source` whenever
 * they are needed.
 */
export function customKinds(
  definition: CustomResourceDefinition,
  source: DefinitionSource,
  convert: Converter,
): CustomKinds {
  const all = versionKinds(detached(withoutSchemas(definition)), source, convert);
  return {
    served: all.filter(({ served }) => served).map(({ kind }) => kind),
    storage: all.find(({ storage }) => storage)!.kind,
    restIfIdle: () => {
      for (const { parts } of all) parts.restIfIdle();
    },
  };
}

function withoutSchemas({ spec, metadata, ...rest }: CustomResourceDefinition): CustomResourceDefinition {
  const { deletionTimestamp } = metadata;
  const versions = spec.versions.map(({ schema: _schema, ...version }) => version);
  return { ...rest, metadata: deletionTimestamp ? { deletionTimestamp } : {}, spec: { ...spec, versions } };
}

/** Apart from what lives on: a closure beside it would keep what it is given. */
function versionKinds(definition: CustomResourceDefinition, source: DefinitionSource, convert: Converter) {
  return definition.spec.versions
    .filter((version) => version.served || version.storage)
    .sort((a, b) => compareVersions(a.name, b.name))
    .map((version) => {
      const { served, storage } = version;
      return { served, storage, ...customKind(definition, version, { source, convert }) };
    });
}

interface Parts {
  schema: ReturnType<typeof customResourceSchema>;
  validate: CustomValidator;
}

/** The schema of a version as its definition writes it. */
function propsOf({ definition }: DefinitionSource, version: string): JSONSchemaProps | undefined {
  return definition.spec.versions.find(({ name }) => name === version)!.schema?.openAPIV3Schema;
}

/** As discovery lists them. */
const verbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'] as const;

/** Of the schema nothing is made before somebody asks for it. */
function customKind(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  { source, convert }: { source: DefinitionSource; convert: Converter },
): { kind: Kind; parts: Resting<Parts> } {
  const { group, scope } = definition.spec;
  // What was accepted is what is served, also while other names are being asked for.
  const names = definition.status?.acceptedNames ?? definition.spec.names;
  const gvk = { group, version: version.name, kind: names.kind };
  const hasStatus = version.subresources?.status !== undefined;
  const definitionName = definitionNameOf(gvk);
  const parts = new Resting<Parts>(() => {
    const props = propsOf(source, gvk.version);
    return {
      schema: customResourceSchema(definitionName, props),
      validate: createValidator(props, version.subresources?.scale),
    };
  });
  const schema = () => parts.get().schema;
  const validate: CustomValidator = (...given) => parts.get().validate(...given);
  const kind = defineKind<KubeObject>({
    kind: names.kind,
    plural: names.plural,
    scope: scope === 'Cluster' ? 'Cluster' : 'Namespaced',
    isCustom: true,
    demandsVersion: true,
    ...(names.singular ? { singular: names.singular } : {}),
    ...(names.shortNames ? { shortNames: names.shortNames } : {}),
    ...(names.categories ? { categories: names.categories } : {}),
    verbs,
    isEnding: definition.metadata.deletionTimestamp !== undefined,
    served: [
      {
        group,
        version: version.name,
        get schema() {
          return schema();
        },
        published: { name: definitionName, schema: () => publishedSchema(propsOf(source, gvk.version)) },
        ...(version.deprecated ? { deprecation: deprecationOf(definition, version) } : {}),
      },
    ],
    storedForm: storedFormOf(definition, { apiVersion: `${group}/${version.name}`, schema }, convert),
    subresources: {
      status: hasStatus,
      ...(version.subresources?.scale ? { scale: scaleOf(version.subresources.scale) } : {}),
    },
    statusKeeps: clientMetadata,
    hasGeneration: true,
    bumpsGeneration: (next, old) => !jsonEqual(contentOf(next, hasStatus), contentOf(old, hasStatus)),
    validate,
    warnings: finalizerWarnings,
    validateStatusUpdate: (object, old) => validate(object, old, 'status'),
    selectableFields: Object.fromEntries(
      (version.selectableFields ?? []).map(({ jsonPath }) => [jsonPath.slice(1), textAt(parseJsonPath(jsonPath))]),
    ),
    columns: columnsOf(version.additionalPrinterColumns ?? [ageColumn]),
  });
  return { kind: { ...kind, listKind: names.listKind || kind.listKind }, parts };
}

/** Of finalizers that are new and whose names others may have too. */
function finalizerWarnings({ metadata }: KubeObject, old?: KubeObject): string[] {
  const had = new Set(old?.metadata.finalizers);
  const added = [...new Set(metadata.finalizers)].filter((name) => !had.has(name)).sort();
  return added.flatMap((name) => {
    if (name.includes('/') || ownFinalizers.includes(name)) return [];
    const better = `prefer a domain-qualified finalizer name${name.includes('.') ? ' including a path (/)' : ''}`;
    const why = `${better} to avoid accidental conflicts with other finalizer writers`;
    return [`metadata.finalizers: ${JSON.stringify(name)}: ${why}`];
  });
}

const ownFinalizers = ['orphan', 'foregroundDeletion', 'kubernetes'];

/** `com.example.stable.v1.CronTab`: the group from behind. */
function definitionNameOf({ group, version, kind }: { group: string; version: string; kind: string }): string {
  return `${group.split('.').reverse().join('.')}.${version}.${kind}`;
}

/** What a change of bumps the generation. */
function contentOf(object: KubeObject, hasStatus: boolean): object {
  const { metadata: _m, kind: _k, apiVersion: _a, status, ...content } = object;
  return hasStatus ? content : { ...content, status };
}

function deprecationOf(definition: CustomResourceDefinition, version: CustomResourceDefinitionVersion): string {
  if (version.deprecationWarning !== undefined) return version.deprecationWarning;
  const { group, names, versions } = definition.spec;
  const text = `${group}/${version.name} ${names.kind} is deprecated`;
  const better = versions
    .filter((one) => one.served && !one.deprecated && compareVersions(one.name, version.name) < 0)
    .sort((a, b) => compareVersions(a.name, b.name))[0];
  return better ? `${text}; use ${group}/${better.name} ${names.kind}` : text;
}

function scaleOf({ specReplicasPath, statusReplicasPath, labelSelectorPath }: ScalePaths): ScaleSubresource {
  return {
    specReplicasPath: specReplicasPath.slice(1),
    statusReplicasPath: statusReplicasPath.slice(1),
    selector: labelSelectorPath ? textAt(fieldsOf(labelSelectorPath)) : () => '',
  };
}

/** The paths of a scale are names alone. */
const fieldsOf = (path: string): JsonPath =>
  path
    .slice(1)
    .split('.')
    .map((name) => ({ type: 'field', name }));

const textAt = (path: JsonPath) => (object: KubeObject) => {
  const [value] = findByPath(path, object);
  return value === undefined || value === null ? '' : typeof value === 'string' ? value : writeJson(value);
};

const ageColumn: CustomResourceColumn = {
  name: 'Age',
  type: 'date',
  description: 'Time since the object was made.',
  jsonPath: '.metadata.creationTimestamp',
};

/** Up to the first whose path means nothing, which nobody refuses. */
function columnsOf(given: readonly CustomResourceColumn[]): Column<KubeObject>[] {
  const columns: Column<KubeObject>[] = [];
  for (const column of given) {
    try {
      columns.push(columnOf(column, parseJsonPath(column.jsonPath)));
    } catch {
      break;
    }
  }
  return columns;
}

function columnOf(
  { name, type, format, description, priority, jsonPath }: CustomResourceColumn,
  path: JsonPath,
): Column<KubeObject> {
  return {
    name,
    type: type as Column<KubeObject>['type'],
    ...(format ? { format } : {}),
    ...(priority ? { priority } : {}),
    doc: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    cell: (object, { nowMs }) => cellOf(type, findByPath(path, object)[0], nowMs),
  };
}

/** The value as its column has it; null where there is none of that type. */
function cellOf(type: string, value: unknown, nowMs: number): string | number | boolean | null {
  if (value === undefined) return null;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      if (typeof value !== 'string') return null;
      return value !== '' && !parseTimestamp(value) ? '<invalid>' : formatAge(value, nowMs);
    default:
      return typeof value === 'string' ? value : value === null ? '<no value>' : canonicalJson(value);
  }
}
