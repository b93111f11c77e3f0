// POST on a collection.

import type { ApiContext } from '../registry/context.ts';
import { createObject } from '../registry/create.ts';
import { breathe } from '../turns.ts';
import { parseBody } from './body.ts';
import { decodeObject } from './decode-object.ts';
import type { Answer, ApiRequest } from './exchange.ts';
import { readWriteOptions } from './options.ts';

export async function handleCreate(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { kind, info } = request;
  const options = readWriteOptions(request, 'CreateOptions');
  const body = parseBody(request, { kind: kind.kind, schema: request.version.schema });
  if (options.isLarge) await breathe();
  const { draft, warnings } = decodeObject(request, body, options.fieldValidation);
  request.warnings.push(...warnings);
  if (options.isLarge) await breathe();
  const stored = await createObject(context, kind, { draft, namespace: info.namespace }, options);
  return { type: 'object', stored, code: 201 };
}
