// The network at work, in a thread of its own so that the page stays awake.
// WebGPU computes where there is a graphics card that it can use, WebAssembly everywhere else.

const WAYS = {
  webgpu: { module: './ort.webgpu.min.mjs', binary: 'ort-wasm-simd-threaded.asyncify.wasm' },
  wasm: { module: './ort.wasm.min.mjs', binary: 'ort-wasm-simd-threaded.wasm' },
};

let ort;
let session;

async function download(name, from, to) {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name} could not be loaded (${response.status}).`);
  const total = Number(response.headers.get('Content-Length'));
  const parts = [];
  let here = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    here += value.length;
    const share = total ? Math.min(1, here / total) : 0.5; // compressed on the way: more than was announced
    postMessage({ kind: 'progress', doing: 'Loading', done: from + (to - from) * share });
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Whether there is a graphics card: an adapter that imitates one is slower than WebAssembly. */
async function hasGraphics() {
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
  } catch {
    return false;
  }
}

async function open(way, model) {
  const { module, binary } = WAYS[way];
  ort = await import(module);
  ort.env.wasm.wasmPaths = new URL('./', import.meta.url).href;
  ort.env.wasm.wasmBinary = await download(binary, 0.1, 1);
  // threads share memory, which only hosts that send COOP and COEP headers allow
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1;
  ort.env.logLevel = 'error';
  postMessage({ kind: 'progress', doing: 'Getting ready', done: null });
  session = await ort.InferenceSession.create(model, { executionProviders: [way], logSeverityLevel: 3 });
  await paint(new Uint8ClampedArray(4 * 40 * 24).fill(128), 40, 24); // a way that cannot paint fails here
}

async function start(only) {
  const model = await download('model.onnx', 0, 0.1);
  const ways = only ? [only] : (await hasGraphics()) ? ['webgpu', 'wasm'] : ['wasm'];
  for (const way of ways) {
    try {
      await open(way, model);
      postMessage({ kind: 'ready', way, threads: way === 'wasm' ? ort.env.wasm.numThreads : 0 });
      return;
    } catch (error) {
      if (way === ways.at(-1)) throw error;
      postMessage({ kind: 'note', message: `WebGPU cannot be used here (${error.message ?? error}).` });
    }
  }
}

/** RGBA bytes to the same: (1, 3, H, W) floats in [0, 1] for the network in between. */
async function paint(pixels, width, height) {
  const count = width * height;
  const image = new Float32Array(3 * count);
  for (let place = 0; place < count; place += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      image[channel * count + place] = pixels[4 * place + channel] / 255;
    }
  }
  const input = new ort.Tensor('float32', image, [1, 3, height, width]);
  const { picture } = await session.run({ image: input });
  const values = await picture.getData();
  const painted = new Uint8ClampedArray(4 * count); // which rounds, and clamps
  for (let place = 0; place < count; place += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      painted[4 * place + channel] = 255 * values[channel * count + place];
    }
    painted[4 * place + 3] = pixels[4 * place + 3];
  }
  picture.dispose();
  return painted;
}

async function answer({ id, pixels, width, height }) {
  try {
    const started = performance.now();
    const painted = await paint(pixels, width, height);
    postMessage({ kind: 'painted', id, pixels: painted, ms: performance.now() - started }, [painted.buffer]);
  } catch (error) {
    postMessage({ kind: 'failed', id, message: String(error.message ?? error) });
  }
}

onmessage = ({ data }) => {
  if (data.kind === 'paint') answer(data);
  else start(data.way).catch((error) => postMessage({ kind: 'broken', message: String(error.message ?? error) }));
};
