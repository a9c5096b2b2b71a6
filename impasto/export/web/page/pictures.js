// Pictures as pixels: ImageData with eight bits a channel in sRGB, at the size that is painted.

/** The pixels of what a canvas can draw, no longer than `longSide`, mirrored if it is a face that looks in. */
export function pixelsOf(source, width, height, longSide, mirrored = false) {
  const scale = Math.min(1, longSide / Math.max(width, height));
  const [across, down] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = new OffscreenCanvas(across, down);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  if (mirrored) context.setTransform(-1, 0, 0, 1, across, 0);
  context.drawImage(source, 0, 0, across, down);
  return context.getImageData(0, 0, across, down);
}

/** The photo with a share of the picture, 0 to 1. Transparency is the photo's. */
export function blend(photo, picture, share) {
  const mixed = new ImageData(photo.width, photo.height);
  const [from, to, out] = [photo.data, picture.data, mixed.data];
  for (let place = 0; place < out.length; place += 4) {
    for (let channel = place; channel < place + 3; channel += 1) {
      out[channel] = from[channel] + share * (to[channel] - from[channel]);
    }
    out[place + 3] = from[place + 3];
  }
  return mixed;
}

/** Decode a file, upright. Throws an Error in words. */
export async function decode(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    const name = file.name || 'What was given';
    throw new Error(`${name} holds no picture that this browser can read: try a JPEG, PNG or WebP.`);
  }
}

/** Offer pixels as a PNG file. */
export async function save(pixels, name) {
  const canvas = new OffscreenCanvas(pixels.width, pixels.height);
  canvas.getContext('2d').putImageData(pixels, 0, 0);
  const url = URL.createObjectURL(await canvas.convertToBlob({ type: 'image/png' }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
