// How a Service is refused that cannot have what it asks for.
import { invalidError } from '../../machinery/errors.ts';
import type { FieldError } from '../../machinery/field-error.ts';
import type { KubeObject } from '../../machinery/metadata.ts';

export function refuseService(service: KubeObject, error: FieldError): never {
  throw invalidError({ group: '', kind: 'Service' }, service.metadata.name ?? '', [error]);
}
