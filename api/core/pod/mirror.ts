/** On pods that stand for what a kubelet runs by itself; its value is a hash of their source. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror';
