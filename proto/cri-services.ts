// The service definitions of the container runtime interface and of our additions to it.
import { descriptor } from './cri.gen.ts';
import { descriptor as k8tsDescriptor } from './k8ts-runtime.gen.ts';
import { defineService } from './message.ts';

export const runtimeServiceDefinition = defineService(descriptor, 'runtime.v1.RuntimeService');
export const imageServiceDefinition = defineService(descriptor, 'runtime.v1.ImageService');
/** Our own service: loading image archives. */
export const imagesServiceDefinition = defineService(k8tsDescriptor, 'k8ts.runtime.v1.Images');
