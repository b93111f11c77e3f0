// What jobs, and those who make jobs, are warned of. Upstream: pkg/api/job/warnings.go.
import { valueAt } from '../../../machinery/json.ts';
import type { KubeObject } from '../../../machinery/metadata.ts';
import { warnOfTemplate } from '../../core/pod/warnings.ts';
import type { JobSpec } from './schema.ts';

const many =
  'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail';

/** The warnings of a kind whose job stands at `path`, of its pods too. */
export const warnOfJob =
  <T extends KubeObject>(path: string) =>
  (object: T, old?: T): string[] => {
    if (old && old.metadata.generation === object.metadata.generation) return [];
    const job = valueAt(object, path) as JobSpec | undefined;
    const { completionMode, completions = 0, parallelism = 0 } = job ?? {};
    const isLarge = completionMode === 'Indexed' && completions > 100_000 && parallelism > 10_000;
    return [...(isLarge ? [`${path}: ${many}`] : []), ...warnOfTemplate<T>(`${path}.template`)(object, old)];
  };
