// Requests whose bodies are so large that every step of their work takes a noticeable part of the
// time that others may be kept waiting. They are worked on one after the other and give way between
// steps (see breathe); YAML, the slowest to read, is read in a thread of its own.
import { Worker } from 'node:worker_threads';
import { type ReadText, TextError, TooManyValuesError } from '../machinery/json-reader.ts';
import { isYaml, maxYamlValues } from './endpoints/body.ts';
import type { ApiRequest } from './endpoints/exchange.ts';
import { isLarge } from './registry/context.ts';

// Beside this file in the source, and beside the bundle.
const threadFile = new URL(
  import.meta.url.endsWith('.ts') ? './endpoints/yaml-thread.ts' : './yaml-thread.mjs',
  import.meta.url,
);
const maxThreadMegabytes = 512;

type Answer = { read: ReadText } | { refused: string; isTooMany: boolean };

export class LargeRequests {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` at once for an ordinary request, and after all earlier ones for a large one. */
  run<T>(request: ApiRequest, work: () => Promise<T>): Promise<T> {
    if (!isLarge(request.body.length)) return work();
    const next = this.#last.then(async () => {
      if (isYaml(request.contentType)) request.yaml = await readInThread(request.body.toString());
      return work();
    });
    this.#last = next.catch(() => undefined);
    return next;
  }
}

/** What the text holds, or why it is refused. */
function readInThread(text: string): Promise<ReadText | TextError> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(threadFile, {
      workerData: { text, maxValues: maxYamlValues },
      resourceLimits: { maxOldGenerationSizeMb: maxThreadMegabytes },
    });
    thread.once('message', (answer: Answer) => {
      if ('read' in answer) resolve(answer.read);
      else resolve(answer.isTooMany ? new TooManyValuesError(maxYamlValues) : new TextError(answer.refused));
    });
    thread.once('error', reject);
    thread.once('exit', (code) => reject(new Error(`the thread that reads YAML ended with ${code}`)));
  });
}
