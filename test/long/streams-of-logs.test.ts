// A hundred megabytes of output, attached to and followed as a log, by every protocol, at every
// pace; the log is rotated all the while.
import { after, before, test } from 'node:test';
import { commandProtocols, type LoadedCluster, paces, startLoad } from '../environment/stream-load.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const skip = needsRoot;

let loaded: LoadedCluster;

before(async () => {
  if (!needsRoot) loaded = await startLoad('load-logs', 100 << 20);
});
after(() => loaded?.[Symbol.asyncDispose]());

// The one that leaves comes last: what it leaves behind would be mixed into what the next one reads.
for (const pace of paces) {
  test(`a log that is followed, ${pace}`, { skip }, () => loaded.load.logFollow(pace));
  if (pace === 'leaving') continue;
  for (const protocol of commandProtocols) {
    test(`attach, output over ${protocol}, ${pace}`, { skip }, () => loaded.load.attachStdout(protocol, pace));
  }
}

test('another pod was served all the while, and memory is where it was', { skip }, (t) => loaded.assertUndisturbed(t));
