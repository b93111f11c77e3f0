// Requests whose bodies are so large that every step of their work takes a noticeable part of the
// time that others may be kept waiting. They are worked on one after the other and give way between
// steps (see breathe); YAML, the slowest to read, is read in a thread of its own.
import { Worker } from 'node:worker_threads';
import type { Clock } from '../machinery/clock.ts';
import { type ReadText, readJsonInSteps, TextError, TooManyValuesError } from '../machinery/json-reader.ts';
import { yamlText } from '../machinery/yaml-reader.ts';
import { isJson, isYaml, maxOpened, maxYamlValues } from './endpoints/body.ts';
import type { ApiRequest } from './endpoints/exchange.ts';
import { isLarge } from './registry/context.ts';
import { inTurns } from './turns.ts';

// Beside this file in the source, and beside the bundle.
const threadFile = new URL(
  import.meta.url.endsWith('.ts') ? './endpoints/yaml-thread.ts' : './yaml-thread.mjs',
  import.meta.url,
);
const maxThreadMegabytes = 512;

type Answer = { read: ReadText } | { refused: string; isTooMany: boolean };

export class LargeRequests {
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `work` at once for an ordinary request, and after all earlier ones for a large one. */
  run<T>(request: ApiRequest, work: () => Promise<T>): Promise<T> {
    if (!isLarge(request.body.length)) return work();
    const next = this.#last.then(async () => {
      if (isYaml(request.contentType)) request.read = await this.#readYaml(request.body);
      else if (isJson(request.contentType)) request.read = await this.#readJson(request.body.toString());
      return work();
    });
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #readJson(text: string): Promise<ReadText | TextError> {
    try {
      return await inTurns(readJsonInSteps(text, maxOpened), this.#clock);
    } catch (err) {
      if (err instanceof TextError) return err;
      throw err;
    }
  }

  /** Tools write their YAML in JSON, which is read in a tenth of the time; complaints are those of YAML. */
  async #readYaml(body: Buffer): Promise<ReadText | TextError> {
    let text: string;
    try {
      text = yamlText(body);
    } catch (err) {
      if (err instanceof TextError) return err;
      throw err;
    }
    const read = text.startsWith('{') ? await this.#readJson(text) : undefined;
    const isRead = read && !(read instanceof TextError) && read.duplicates.length === 0;
    return isRead ? read : readInThread(text);
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
