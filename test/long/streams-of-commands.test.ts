// A hundred megabytes through exec, attached input and port-forward, by every protocol, at every pace.
import { after, before, test } from 'node:test';
import {
  atEveryPace,
  commandProtocols,
  forwardProtocols,
  type LoadedCluster,
  startLoad,
} from '../environment/stream-load.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const skip = needsRoot;

let loaded: LoadedCluster;

before(async () => {
  if (!needsRoot) loaded = await startLoad('load-commands', 100 << 20);
});
after(() => loaded?.[Symbol.asyncDispose]());

for (const protocol of commandProtocols) {
  test(`exec, output over ${protocol}`, { skip }, () => atEveryPace((pace) => loaded.load.execStdout(protocol, pace)));
  test(`exec, input over ${protocol}`, { skip }, () => atEveryPace((pace) => loaded.load.execStdin(protocol, pace)));
}
for (const pace of ['fast', 'slow', 'paused'] as const) {
  test(`attach, input, ${pace}`, { skip }, () => loaded.load.attachStdin(commandProtocols[0]!, pace));
}
for (const protocol of forwardProtocols) {
  test(`port-forward from the pod over ${protocol}`, { skip }, () =>
    atEveryPace((pace) => loaded.load.forwardFromPod(protocol, pace)),
  );
  test(`port-forward to the pod over ${protocol}`, { skip }, () =>
    atEveryPace((pace) => loaded.load.forwardToPod(protocol, pace)),
  );
}

test('another pod was served all the while, and memory is where it was', { skip }, (t) => loaded.assertUndisturbed(t));
