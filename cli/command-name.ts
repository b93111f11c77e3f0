// What the user calls this program: `./k8ts` in a checkout (its launcher says so), `k8ts` where it is installed.
/** Whether this is a checkout, which can build, test and make images. */
export const isCheckout = process.env.K8TS_ROOT !== undefined;
export const commandName = process.env.K8TS_COMMAND ?? 'k8ts';
