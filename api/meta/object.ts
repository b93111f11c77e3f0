// The TypeScript type of a top-level object. Decoding guarantees that metadata and spec are there,
// so code that reads objects need not ask; status stays optional because whoever creates an object
// does not write one.
import type { ObjectMeta } from '../../machinery/metadata.ts';
import type { TypeOf } from '../../machinery/schema.ts';

type SpecOf<T> = T extends { spec?: infer S } ? { spec: NonNullable<S> } : unknown;

/** An object of a schema that has metadata, with what decoding always fills in made required. */
export type ObjectOf<S> = Omit<TypeOf<S>, 'metadata' | 'spec'> & { metadata: ObjectMeta } & SpecOf<TypeOf<S>>;
