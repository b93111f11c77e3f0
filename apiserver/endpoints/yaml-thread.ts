// A thread that reads one YAML text and answers with what it holds, or with why it cannot be read.
import { parentPort, workerData } from 'node:worker_threads';
import { TextError, TooManyValuesError } from '../../machinery/json-reader.ts';
import { readYaml } from '../../machinery/yaml-reader.ts';

const { text, maxValues } = workerData as { text: string; maxValues: number };
try {
  parentPort!.postMessage({ read: readYaml(text, maxValues) });
} catch (err) {
  if (!(err instanceof TextError)) throw err;
  parentPort!.postMessage({ refused: err.message, isTooMany: err instanceof TooManyValuesError });
}
