// A kind is one value: its identity in storage, the group/versions it is served in, its schema, and
// its rules as pure hooks. Upstream spreads the same over types, register, defaults, conversion,
// validation, strategy, storage and printers.
//
// Drafts: setDefaults, prepareForCreate and prepareForUpdate may change the object they are given,
// which is a copy that the request owns. Everything else (validate*, columns, conversions,
// warnings) never changes its input.
import type { FieldError } from './field-error.ts';
import type { KubeObject } from './metadata.ts';
import type { ObjectSchema, Schema } from './schema.ts';

export interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

export type Scope = 'Namespaced' | 'Cluster';
export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** A column of `kubectl get`. Priority 0 always shows, 1 with -o wide. */
export interface Column<T> {
  name: string;
  type: 'string' | 'integer' | 'date' | 'boolean' | 'number';
  format?: string;
  priority?: number;
  doc: string;
  cell(object: T, context: { nowMs: number }): string | number | boolean | null;
}

/** A column that always shows. */
export function column<T>(name: string, type: Column<T>['type'], doc: string, cell: Column<T>['cell']): Column<T> {
  return { name, type, doc, cell };
}

/** A column that shows with -o wide. */
export function wideColumn<T>(...of: Parameters<typeof column<T>>): Column<T> {
  return { ...column(...of), priority: 1 };
}

export interface ServedVersion {
  group: string;
  version: string;
  schema: ObjectSchema & Schema<any, any>;
  /** Unconditional defaults stand in the schema; this fills in what depends on other fields. Changes the draft. */
  setDefaults?: (draft: any) => void;
  /** From this version to the stored one; absent where they are the same. */
  toStorage?: (object: any) => any;
  fromStorage?: (object: any) => any;
  /** Its own columns and selectable fields, computed from the stored object, where it differs from the kind. */
  columns?: readonly Column<any>[];
  selectableFields?: Record<string, (object: any) => string>;
  /** The published schema, where it says more than `schema` can: a custom resource's. References are bare names. */
  published?: { name: string; schema(): Record<string, any> };
  /** Text of the Warning that every request in this version gets. */
  deprecation?: string;
  /** What writes in this version are refused for besides what the kind refuses; objects are in the stored version. */
  validate?: (object: any, old?: any) => FieldError[];
}

export interface ScaleSubresource {
  /** Dotted paths into the object, `spec.replicas`. */
  specReplicasPath: string;
  statusReplicasPath: string;
  /** The selector in text form, for autoscalers. */
  selector(object: any): string;
}

/** Where workloads have their scale. */
export const replicasScale = { specReplicasPath: 'spec.replicas', statusReplicasPath: 'status.replicas' } as const;

/** A subresource that a handler in apiserver/subresources serves; a test demands one for each. */
export interface CustomSubresource {
  name: string;
  verbs: readonly ('create' | 'delete' | 'get' | 'patch' | 'update')[];
  /** The kind it speaks, where that is not the parent. */
  kind?: GroupVersionKind;
  /**
   * For writes of the parent's object through it, in place of `prepareForUpdate` of the kind. Metadata and status may
   * change, the rest is that of `old`. `sent`: what the draft was.
   */
  prepareForUpdate?: (draft: any, old: any, context: PrepareContext, sent?: any) => void;
  /** In place of both validations of the kind. */
  validateUpdate?: (next: any, old: any) => FieldError[];
}

export interface Subresources {
  status?: boolean;
  scale?: ScaleSubresource;
  custom?: readonly CustomSubresource[];
}

/**
 * How objects of a kind lie in storage where that is not the form the kind speaks: those of a custom kind may have been
 * written in another version, or before their schema got its defaults.
 */
export interface StoredForm {
  /** The version that is stored. */
  version: string;
  /**
   * Objects as stored, in the kind's form, with its defaults unless they are not wanted; a promise where somebody else
   * converts them.
   */
  read(objects: readonly KubeObject[], options?: { defaults: boolean }): KubeObject[] | Promise<KubeObject[]>;
  /** An object in the kind's form, as it is to be stored, with its apiVersion. */
  write(object: KubeObject): KubeObject | Promise<KubeObject>;
}

export interface PrepareContext {
  nowMs: number;
  /** Who sends the request; known where an object is made. */
  user?: {
    username: string;
    uid?: string;
    groups: readonly string[];
    extra?: Readonly<Record<string, readonly string[]>>;
  };
}

/** What clients say in the metadata of an object. */
export const clientMetadata = ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const;

interface KindSpec<T extends KubeObject> {
  kind: string;
  plural: string;
  singular?: string;
  scope: Scope;
  shortNames?: readonly string[];
  categories?: readonly string[];
  /** The verbs it takes; a review takes only create. */
  verbs?: readonly Verb[];
  /** Where objects are kept: `/registry/<group>/<plural>/...`, in the shape of the first. */
  served: readonly ServedVersion[];
  /** False for kinds that are answered and never kept (reviews). */
  stored?: boolean;
  storedForm?: StoredForm;
  /** It comes from a CustomResourceDefinition: it has no protobuf form, and its lists no patch strategies. */
  isCustom?: boolean;
  /** Its definition is being deleted: nothing new comes. */
  isEnding?: boolean;
  subresources?: Subresources;
  /** Names: 'subdomain' (default), 'label', 'path' (RBAC: anything that fits in a path), 'ip'. */
  nameRule?: 'subdomain' | 'label' | 'path' | 'ip';
  /** True: generation starts at 1 and grows when the spec (see bumpsGeneration) changes. */
  hasGeneration?: boolean;
  /** Default: `spec` differs. */
  bumpsGeneration?: (next: T, old: T) => boolean;
  /**
   * The status that comes with a new object is kept: whoever makes one (a Node: its kubelet) is the
   * one that reports it.
   */
  keepsStatusOnCreate?: boolean;
  prepareForCreate?: (draft: T, context: PrepareContext) => void;
  /** For writes to the main resource. Status is taken from `old` before this where the status subresource exists. */
  prepareForUpdate?: (draft: T, old: T, context: PrepareContext) => void;
  /** Brings a draft that is valid into the one form in which it is kept. */
  canonicalize?: (draft: T) => void;
  /** What of the metadata a write to /status leaves as it is, besides what only the server changes. */
  statusKeeps?: readonly (typeof clientMetadata)[number][];
  /** For writes to /status. Everything but status is taken from `old` before this. */
  prepareForStatusUpdate?: (draft: T, old: T, context: PrepareContext) => void;
  /** `old` is absent for a new object, and there on updates, for rules that let what was wrong before stay as it is. */
  validate?: (object: T, old?: T) => FieldError[];
  /** What may not change. Runs beside `validate`. */
  validateUpdate?: (next: T, old: T) => FieldError[];
  validateStatusUpdate?: (next: T, old: T) => FieldError[];
  /** Texts for Warning headers on create and update. */
  warnings?: (object: T, old?: T) => string[];
  /** Grace a delete gets, in seconds; absent: deleted at once. `requested` comes from DeleteOptions. */
  gracePeriodSeconds?: (object: T, requested: number | undefined) => number;
  /** Marks the draft when its deletion begins (a namespace's phase). */
  markDeleted?: (draft: T) => void;
  /** True while something of the kind's own, besides finalizers, must still be done before it may go. */
  holdsDeletion?: (object: T) => boolean;
  /** A delete that took effect at once answers with the object, not with a Status. */
  returnsDeletedObject?: boolean;
  /** Who deletes one without a propagation policy orphans its dependents, and is told this, if it is a text. */
  orphansByDefault?: string | true;
  /** The garbage collector has nothing to do with it, whatever a delete says of dependents. */
  isNeverCollected?: boolean;
  /** A PUT of an absent object creates it. */
  allowCreateOnUpdate?: boolean;
  /** A PUT must say which resourceVersion it goes on from. */
  demandsVersion?: boolean;
  /** Name by path of what fieldSelectors may ask besides metadata.name and metadata.namespace. */
  selectableFields?: Record<string, (object: T) => string>;
  /** Names of old of such fields. */
  fieldAliases?: Readonly<Record<string, string>>;
  /** The refusal of other fields, where a kind has words of its own for it. */
  fieldRefusal?: (field: string) => string;
  /** After Name (always first). Age is not implied. Default: Name and Created At. */
  columns?: readonly Column<T>[];
}

export interface Kind<T extends KubeObject = any> extends KindSpec<T> {
  singular: string;
  listKind: string;
  verbs: readonly Verb[];
  shortNames: readonly string[];
  categories: readonly string[];
  subresources: Subresources;
  namespaced: boolean;
  stored: boolean;
  /** The version objects are kept in. */
  storage: ServedVersion;
  /** Group of the storage version. */
  group: string;
  /** `apps/v1`, `v1`: of the storage version. */
  apiVersion: string;
}

/** The published name of what a version serves: no schema is made for it. */
export const typeNameOf = (version: ServedVersion): string => version.published?.name ?? version.schema.name;

/** `group/version`, or the bare version for the core group. */
export function apiVersionOf(v: { group: string; version: string }): string {
  return v.group ? `${v.group}/${v.version}` : v.version;
}

/** Splits `apps/v1` or `v1`. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  if (slash < 0) return { group: '', version: apiVersion };
  return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** Completes a kind. The type parameter is the stored TypeScript type. */
export function defineKind<T extends KubeObject>(spec: KindSpec<T>): Kind<T> {
  const [storage] = spec.served;
  if (!storage) throw new Error(`kind ${spec.kind} is served in no version`);
  return {
    ...spec,
    singular: spec.singular ?? spec.kind.toLowerCase(),
    listKind: `${spec.kind}List`,
    verbs: spec.verbs ?? allVerbs,
    shortNames: spec.shortNames ?? [],
    categories: spec.categories ?? [],
    subresources: spec.subresources ?? {},
    namespaced: spec.scope === 'Namespaced',
    stored: spec.stored ?? true,
    storage,
    group: storage.group,
    apiVersion: apiVersionOf(storage),
  };
}
