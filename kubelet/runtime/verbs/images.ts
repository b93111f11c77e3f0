// ListImages, ImageStatus, PullImage, RemoveImage: thin over the image store and the puller. An absent image is an
// answer without image, never an error; removing is idempotent and takes all names of the image with it.
import type { Image } from '../../../proto/cri.gen.ts';
import type { Init } from '../../../proto/message.ts';
import { failedPrecondition, invalidArgument } from '../errors.ts';
import { type ImageRecord, type ImageStore, imageIdOf } from '../image/image-store.ts';
import type { ContainerRecord } from '../store/records.ts';
import type { Verb } from './verb.ts';

export const listImages: Verb<'ListImages'> = async (rt, req) => {
  const wanted = req.filter?.image?.image;
  const found = wanted ? [findImage(rt.images, wanted)].filter((x) => x !== undefined) : rt.images.list();
  return { images: found.map(describeImage) };
};

export const imageStatus: Verb<'ImageStatus'> = async (rt, req) => {
  const found = findImage(rt.images, req.image?.image ?? '');
  if (!found) return {};
  return { image: describeImage(found), info: req.verbose ? { info: JSON.stringify({ config: found.config }) } : {} };
};

export const pullImage: Verb<'PullImage'> = async (rt, req, signal) => {
  const name = req.image?.image ?? '';
  if (name === '') throw invalidArgument('no image was named');
  const record = await rt.puller.pull(name, req.auth, signal);
  return { image_ref: imageIdOf(record) };
};

export const removeImage: Verb<'RemoveImage'> = async (rt, req) => {
  const found = findImage(rt.images, req.image?.image ?? '');
  if (!found) return {};
  const isFound = (name: string) => findImage(rt.images, name)?.id === found.id;
  const mounts = (c: ContainerRecord) => c.config.mounts.some(({ image }) => image?.image && isFound(image.image));
  const user = rt.containers.list().find((c) => c.imageId === imageIdOf(found) || mounts(c));
  if (user) throw failedPrecondition(`image "${imageIdOf(found)}" is in use by container ${user.id}`);
  await rt.images.remove(found.id);
  return {};
};

function findImage(images: ImageStore, text: string): ImageRecord | undefined {
  if (text === '') throw invalidArgument('no image was named');
  return images.find(text);
}

function describeImage(record: ImageRecord): Init<Image> {
  const [user = ''] = record.config.user.split(':');
  const numeric = /^\d+$/.test(user);
  return {
    id: imageIdOf(record),
    repo_tags: record.tags,
    repo_digests: record.digests,
    size: String(record.sizeBytes),
    // Without a user the image runs as root, which is uid 0 here and not "unknown".
    uid: numeric || user === '' ? { value: user || '0' } : null,
    username: numeric ? '' : user,
    spec: { image: imageIdOf(record) },
  };
}
