// The page: what can be pressed, what is shown, and what is said.

import { Camera } from './camera.js';
import { Painter } from './painter.js';
import { blend, decode, pixelsOf, save } from './pictures.js';

const $ = (id) => document.getElementById(id);
const camera = new Camera();
const painter = new Painter(hear, new URLSearchParams(location.search).get('way') ?? undefined);
const opened = new Promise((resolve) => addEventListener('ready', resolve, { once: true }));

let name = 'picture'; // of the style
let way = ''; // what computes
let photo = null; // pixels, as they are painted
let picture = null; // the same, painted at full strength
let source = null; // the photo as it was decoded, to paint it again at another size
let turn = 0; // rises with each thing that is asked for, so that what is late is dropped

function say(text, done = 1) {
  $('status').textContent = text;
  $('progress').hidden = done === 1;
  if (done === null) $('progress').removeAttribute('value');
  else $('progress').value = done;
}

function complain(error) {
  $('error').textContent = error?.message ?? '';
  $('error').hidden = !error;
}

function hear(message) {
  if (message.kind === 'progress') say(message.doing, message.done);
  else if (message.kind === 'note') console.info(message.message);
  else if (message.kind === 'broken') {
    say('Nothing can be painted');
    complain(new Error(`The network could not be started: ${message.message}`));
  } else if (message.kind === 'ready') {
    way = message.way === 'webgpu' ? 'WebGPU' : 'WebAssembly';
    document.documentElement.dataset.way = message.way;
    say(`Ready, with ${way}`);
    dispatchEvent(new Event('ready'));
  }
}

const strength = () => $('strength').valueAsNumber / 100;

function show() {
  $('share').value = `${$('strength').value} %`;
  if (!photo || !picture) return;
  const canvas = $('picture');
  const shown = blend(photo, picture, strength());
  if (canvas.width !== shown.width || canvas.height !== shown.height) {
    [canvas.width, canvas.height] = [shown.width, shown.height];
  }
  canvas.getContext('2d').putImageData(shown, 0, 0);
  canvas.setAttribute('aria-label', `${camera.isOn ? 'The camera' : 'The photo'}, painted as ${name}`);
  canvas.classList.toggle('live', camera.isOn); // small frames are shown larger than they are
  canvas.hidden = false;
  $('empty').hidden = true;
  $('stage').classList.add('full');
  $('save').disabled = false;
}

async function paintPhoto() {
  const mine = (turn += 1);
  complain(null);
  try {
    await opened;
    const pixels = pixelsOf(source, source.width, source.height, Number($('photo-size').value));
    say(`Painting ${pixels.width} × ${pixels.height} pixels`, null);
    const done = await painter.paint(pixels);
    if (mine !== turn) return;
    [photo, picture] = [pixels, done.picture];
    show();
    say(`${pixels.width} × ${pixels.height} pixels in ${(done.ms / 1000).toFixed(1)} s, with ${way}`);
    document.documentElement.dataset.ms = done.ms.toFixed(1);
  } catch (error) {
    if (mine !== turn) return;
    say('Ready');
    complain(error);
  }
}

async function take(file) {
  if (!file) return;
  stopCamera();
  try {
    source = await decode(file);
  } catch (error) {
    complain(error);
    return;
  }
  await paintPhoto();
}

async function watch() {
  const mine = (turn += 1);
  const times = [];
  while (camera.isOn && mine === turn) {
    const pixels = camera.frame(Number($('camera-size').value));
    const done = await painter.paint(pixels);
    if (mine !== turn) return;
    if (photo?.width !== pixels.width) times.length = 0; // a rate is of one size
    [photo, picture] = [pixels, done.picture];
    show();
    times.push(performance.now());
    if (times.length > 10) times.shift();
    const rate = times.length > 1 ? (1000 * (times.length - 1)) / (times.at(-1) - times[0]) : 0;
    say(`Live, ${pixels.width} × ${pixels.height} pixels, ${rate.toFixed(1)} pictures a second, with ${way}`);
    Object.assign(document.documentElement.dataset, { rate: rate.toFixed(2), ms: done.ms.toFixed(1) });
    await new Promise(requestAnimationFrame); // no picture is made that is not seen
  }
}

function stopCamera() {
  if (!camera.isOn) return;
  camera.stop();
  turn += 1;
  $('camera').textContent = 'Use the camera';
  $('turn').hidden = true;
  say('The camera is off');
}

async function startCamera(begin) {
  complain(null);
  say('Waiting for the camera', null);
  try {
    await begin();
    $('camera').textContent = 'Stop the camera';
    $('turn').hidden = !(await camera.canTurn());
    await opened;
    await watch();
  } catch (error) {
    stopCamera();
    say('Ready');
    complain(error);
  }
}

async function introduce() {
  const about = await (await fetch('style.json')).json();
  name = (about.title || about.style).split('; ').join(' and '); // of a mixture, all works
  document.title = `${name}, in your browser`;
  $('title').textContent = `Paint as ${name}`;
  const made = about.artist?.includes('; ') ? [about.artist.split('; ').join(' and ')] : [about.artist, about.year];
  $('work').textContent = made.filter(Boolean).join(', ');
  const licence = about.licence ? `Style: ${about.licence}.` : '';
  $('about').textContent = `${licence} Made with impasto ${about.impasto}.`.trim();
  name = about.style;
}

$('file').addEventListener('change', ({ target }) => {
  take(target.files[0]);
  target.value = ''; // so that the same file can be chosen again
});
$('camera').addEventListener('click', () => (camera.isOn ? stopCamera() : startCamera(() => camera.start())));
$('turn').addEventListener('click', () => startCamera(() => camera.turn()));
$('save').addEventListener('click', () => save(blend(photo, picture, strength()), `${name.replace(/[^\w.-]+/g, '-')}.png`));
$('strength').addEventListener('input', show);
$('photo-size').addEventListener('change', () => source && !camera.isOn && paintPhoto());
addEventListener('paste', ({ clipboardData }) => take([...clipboardData.files].find((file) => file.type.startsWith('image/'))));
addEventListener('dragover', (event) => {
  event.preventDefault();
  $('stage').classList.add('over');
});
for (const kind of ['dragleave', 'drop', 'dragend']) addEventListener(kind, () => $('stage').classList.remove('over'));
addEventListener('drop', (event) => {
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
introduce().catch(complain);
