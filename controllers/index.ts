// The ordered registry of controllers. One that is not listed here does not run.
import { type Loop, toLoop } from '../client/controller.ts';
import { daemonSetController } from './daemonset/daemonset.ts';
import { deploymentController } from './deployment/deployment.ts';
import { endpointsController } from './endpoints/endpoints.ts';
import { endpointSliceController } from './endpoints/endpointslice.ts';
import { garbageCollector } from './garbage-collector/garbage-collector.ts';
import { jobController } from './job/job.ts';
import { namespaceController } from './namespace/namespace.ts';
import { replicaSetController } from './replicaset.ts';
import { rootCaPublisher } from './root-ca-publisher.ts';
import { serviceAccountController } from './service-account.ts';

export interface ControllerOptions {
  /** The CA that pods are to trust the API server by (PEM); none is published without it. */
  rootCaPem?: string;
}

/** Every controller, in the order in which they start. */
export function createControllers({ rootCaPem }: ControllerOptions): readonly Loop[] {
  return [
    toLoop(serviceAccountController),
    ...(rootCaPem === undefined ? [] : [toLoop(rootCaPublisher(rootCaPem))]),
    toLoop(namespaceController),
    toLoop(replicaSetController),
    toLoop(deploymentController),
    toLoop(endpointsController),
    toLoop(endpointSliceController),
    garbageCollector,
    toLoop(jobController),
    toLoop(daemonSetController),
  ];
}
