// A picture in, the person's share of each of its pixels out. Needs a runtime, which is handed in.

/** What a model says about itself: `width`, `height`, `fit`, `prior`, `licence`, ... */
export async function readSpec(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${answer.statusText}`);
  return answer.json();
}

/**
 * LiteRT.js: `core` is the module @litertjs/core, after its `loadLiteRt`.
 * Returns an async function of RGB (see `fitPicture`) and, for a model of films, of the last matte.
 */
export async function openLiteRt(core, url, spec, accelerator = 'wasm') {
  const model = await core.loadAndCompile(url, { accelerator });
  const shape = (channels) => [1, spec.height, spec.width, channels];
  return async (rgb, prior) => {
    const feeds = { image: new core.Tensor(rgb, shape(3)) };
    if (spec.prior) feeds.prior = new core.Tensor(prior ?? nothing(spec), shape(1));
    const given = await model.run(feeds);
    const matte = (await given.alpha.data()).slice();
    for (const tensor of [...Object.values(feeds), given.alpha]) tensor.delete();
    return matte;
  };
}

/** onnxruntime-web, as `openLiteRt`: `ort` is the module, whose `env.wasm.wasmPaths` is set. */
export async function openOnnx(ort, url, spec, provider = 'wasm') {
  const session = await ort.InferenceSession.create(url, { executionProviders: [provider] });
  const tensor = (values, channels) =>
    new ort.Tensor('float32', values, [1, channels, spec.height, spec.width]);
  return async (rgb, prior) => {
    const feeds = { image: tensor(toPlanes(rgb), 3) };
    if (spec.prior) feeds.prior = tensor(prior ?? nothing(spec), 1);
    const { alpha } = await session.run(feeds);
    return alpha.data;
  };
}

/**
 * A picture (or a canvas, a bitmap, a video's frame) at the model's size.
 * Returns `rgb`, numbers in [0, 1] with the channels last, and `place`, where the picture lies.
 */
export function fitPicture(picture, spec) {
  const { width, height } = sizeOf(picture);
  const place = placeIn(width, height, spec);
  const pen = new OffscreenCanvas(spec.width, spec.height).getContext('2d', {
    willReadFrequently: true,
  });
  pen.fillStyle = 'rgb(128 128 128)';
  pen.fillRect(0, 0, spec.width, spec.height);
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(picture, place.left, place.top, place.width, place.height);
  const pixels = pen.getImageData(0, 0, spec.width, spec.height).data;
  const rgb = new Float32Array(spec.width * spec.height * 3);
  for (let i = 0, j = 0; i < pixels.length; i += 4) {
    for (let c = 0; c < 3; c++) rgb[j++] = pixels[i + c] / 255;
  }
  return { rgb, place };
}

/** A canvas of the picture's size with the person alone; the colours are the picture's. */
export function cutOut(picture, matte, place, spec) {
  const { width, height } = sizeOf(picture);
  const shares = new ImageData(spec.width, spec.height);
  for (let i = 0; i < matte.length; i++) shares.data[4 * i + 3] = Math.round(255 * matte[i]);
  const small = new OffscreenCanvas(spec.width, spec.height);
  small.getContext('2d').putImageData(shares, 0, 0);
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext('2d');
  pen.drawImage(picture, 0, 0, width, height);
  pen.globalCompositeOperation = 'destination-in';
  pen.imageSmoothingQuality = 'high';
  const { left, top } = place;
  pen.drawImage(small, left, top, place.width, place.height, 0, 0, width, height);
  return canvas;
}

function placeIn(width, height, spec) {
  if (spec.fit === 'stretch') return { left: 0, top: 0, width: spec.width, height: spec.height };
  const scale = Math.min(spec.width / width, spec.height / height);
  const across = Math.min(Math.max(Math.round(width * scale), 1), spec.width);
  const down = Math.min(Math.max(Math.round(height * scale), 1), spec.height);
  return {
    left: Math.floor((spec.width - across) / 2),
    top: Math.floor((spec.height - down) / 2),
    width: across,
    height: down,
  };
}

function sizeOf(picture) {
  return {
    width: picture.videoWidth ?? picture.displayWidth ?? picture.naturalWidth ?? picture.width,
    height: picture.videoHeight ?? picture.displayHeight ?? picture.naturalHeight ?? picture.height,
  };
}

function toPlanes(rgb) {
  const pixels = rgb.length / 3;
  const planes = new Float32Array(rgb.length);
  for (let i = 0, j = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) planes[c * pixels + i] = rgb[j++];
  }
  return planes;
}

const nothing = (spec) => new Float32Array(spec.width * spec.height);
