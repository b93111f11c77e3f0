// Step: the nodes are booted and their container runtimes answer.
import { connect } from 'node:net';
import { insideNode, onHost } from '../layout.ts';
import { prepareNode, renewNameServers } from '../nodes/sandbox.ts';
import { readUnitState } from '../supervisor/plan.ts';
import { nodeUnits } from '../units.ts';
import { startUnits, type UpContext, waitForUnit } from './context.ts';
import { credentialsStep } from './credentials.ts';
import { networkStep } from './network.ts';
import type { Step } from './run-steps.ts';

export const nodesStep: Step<UpContext> = {
  title: 'Node',
  after: [credentialsStep.title, networkStep.title],
  async run(context, signal) {
    const { layout, trees, programPaths } = context;
    for (const node of layout.nodes) {
      prepareNode(layout, node, { trees, programPaths });
      const name = `${node.unitPrefix}node`;
      const runtime = `${node.unitPrefix}runtime`;
      startUnits(context, nodeUnits(context, node), [name, runtime]);
      await waitForUnit(context, { unit: name, signal, probe: async () => probeRunning(context, name) });
      await renewNameServers(node, readUnitState(layout.processesFile, name)!.pid!);
      const socket = onHost(node, insideNode.runtimeSocket);
      await waitForUnit(context, { unit: runtime, signal, probe: () => probeSocket(socket) });
    }
    return layout.nodes.map((node) => node.name).join(', ');
  },
};

function probeRunning({ layout }: UpContext, name: string): string | undefined {
  return readUnitState(layout.processesFile, name)?.state === 'running' ? undefined : 'it has not booted yet';
}

function probeSocket(path: string): Promise<undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', reject);
  });
}
