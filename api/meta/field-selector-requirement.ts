// A condition on a field, as access reviews carry it.
// The text form of field selectors is read by machinery/fields.ts.
import { atomic, mandatory, s } from '../../machinery/schema.ts';

export const fieldSelectorRequirement = s.object(
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldSelectorRequirement',
  'One condition on a field.',
  {
    key: s.string('Path of the field.', mandatory),
    operator: s.string('In, NotIn, Exists or DoesNotExist.', mandatory),
    values: s.list(s.string(''), 'Values to compare with.', atomic),
  },
);
