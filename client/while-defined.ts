// A loop over custom resources that runs while they are defined. It is quiet before and after: nothing asks for what is
// not served.
import { setMaxListeners } from 'node:events';
import { CustomResourceDefinitionKind } from '../api/apiextensions/customresourcedefinition.ts';
import type { Kind } from '../machinery/kind.ts';
import type { Loop } from './controller.ts';
import type { InformerOptions } from './informer.ts';
import { InformerFactory } from './informer-factory.ts';

/**
 * Runs the loop while all of the kinds are defined, anew after they were gone. Its informers of custom kinds are its own
 * and end with it. `options`: which definitions to follow; one kind alone needs no others.
 */
export function whileDefined(
  kinds: readonly Kind[],
  loop: Loop,
  options: InformerOptions = { metadataOnly: true },
): Loop {
  return {
    name: loop.name,
    run(context) {
      const definitions = context.informer(CustomResourceDefinitionKind, options);
      let known = '';
      let running: AbortController | undefined;
      return new Promise((resolve, reject) => {
        context.signal.addEventListener('abort', () => resolve());
        definitions.onChange(() => {
          const uids = kinds.map(({ plural, group }) => definitions.lister.get(`${plural}.${group}`)?.metadata.uid);
          const now = uids.every((uid) => uid !== undefined) ? uids.join() : '';
          if (now === known || context.signal.aborted) return;
          known = now;
          running?.abort();
          if (now === '') return;
          running = new AbortController();
          const signal = AbortSignal.any([context.signal, running.signal]);
          setMaxListeners(0, signal);
          const own = new InformerFactory(context.client, context, signal);
          const informer: typeof context.informer = (kind, of) => (kind.isCustom ? own : context).informer(kind, of);
          loop.run({ ...context, signal, informer }).catch(reject);
        });
      });
    },
  };
}
