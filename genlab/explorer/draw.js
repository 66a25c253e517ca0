"use strict";
// A pad to draw on; what each encoder makes of the drawing, and what its decoder gives back.

const PAD = 280; // pixels of the pad's own canvas
const PEN = 2.2; // width of its line, in pixels of the models' pictures
const drawing = {
  context: null,
  x: null,
  codes: new Map(),
  pen: [PAD / 2, PAD / 2],
  next: 0,
  borrowed: false, // a test digit is on the pad
  own: false, // the reader has drawn or taken something
};

function startDraw() {
  if (!FACTS.vae.models.some((of) => of.encoder)) return;
  document.getElementById("draw").hidden = false;
  const pad = document.getElementById("pad");
  pad.width = pad.height = PAD;
  const context = (drawing.context = pad.getContext("2d", { willReadFrequently: true }));
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = (PEN * PAD) / FACTS.vae.digits.height;
  let last = null;
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    ownPad();
    stroke((last = padPlace(pad, event)), last);
  });
  pad.addEventListener("pointermove", (event) => {
    if (!last) return;
    const now = padPlace(pad, event);
    stroke(last, now);
    last = now;
  });
  for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, () => (last = null));
  pad.addEventListener("keydown", drawByKey);
  document.getElementById("clear").addEventListener("click", clearPad);
  document.getElementById("test-digit").addEventListener("click", () => show(takeTestDigit()));
  onChange((changed) => changed.has("all") && drawAnswers());
  pad.addEventListener("focus", placePen);
  encodeAll(takeTestDigit());
}

function padPlace(pad, event) {
  const box = pad.getBoundingClientRect();
  return [
    ((event.clientX - box.left) / box.width) * PAD,
    ((event.clientY - box.top) / box.height) * PAD,
  ];
}

function stroke(from, to) {
  const { context } = drawing;
  context.strokeStyle = `rgb(${colour("--ink")})`;
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(to[0] + 0.01, to[1]);
  context.stroke();
  see();
}

/** Takes a test digit away before something of one's own is drawn. */
function ownPad() {
  if (drawing.borrowed) drawing.context.clearRect(0, 0, PAD, PAD);
  drawing.borrowed = false;
}

function clearPad() {
  drawing.borrowed = false;
  drawing.context.clearRect(0, 0, PAD, PAD);
  see();
}

/** Shows where the keyboard's pen is. */
function placePen() {
  const mark = document.getElementById("pen");
  const side = document.getElementById("pad").clientWidth;
  mark.style.left = `${(drawing.pen[0] / PAD) * side}px`;
  mark.style.top = `${(drawing.pen[1] / PAD) * side}px`;
}

const PEN_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The pad by keyboard: Space puts the pen down or lifts it, arrows move it. */
function drawByKey(event) {
  const by = PEN_KEYS[event.key];
  if (event.key === "Delete" || event.key === "Backspace") clearPad();
  else if (event.key === " ") {
    drawing.down = !drawing.down;
    if (drawing.down) ownPad();
    if (drawing.down) stroke(drawing.pen, drawing.pen);
  } else if (by) {
    const to = drawing.pen.map((v, i) => Math.min(PAD - 12, Math.max(12, v + 12 * by[i])));
    if (drawing.down) stroke(drawing.pen, to);
    drawing.pen = to;
    placePen();
  } else return;
  event.preventDefault();
}

function takeTestDigit() {
  const x = testDigit(drawing.next++ % FACTS.vae.digits.count);
  const { height, width } = FACTS.vae.digits;
  const image = document.createElement("canvas");
  drawDigit(image, x);
  drawing.context.clearRect(0, 0, PAD, PAD);
  drawing.context.imageSmoothingEnabled = false;
  drawing.context.drawImage(image, 0, 0, (width / height) * PAD, PAD);
  drawing.borrowed = true;
  return x;
}

const see = settled(() => show(prepare(inkOfPad(), FACTS.vae.digits)), 30);

/** The pad's ink, 0 to 1, with its side. */
function inkOfPad() {
  const { data } = drawing.context.getImageData(0, 0, PAD, PAD);
  return {
    side: PAD,
    ink: Float32Array.from({ length: PAD * PAD }, (_, i) => data[4 * i + 3] / 255),
  };
}

/**
 * Makes a drawing into a picture as MNIST's are made: its box is scaled, as it is, to fit 20 of 28
 * pixels (LeCun et al., 1998), with anti-aliasing; the centre of mass goes to the middle; then, for
 * models of black and white images, every pixel with more than half its ink is black.
 * Returns null for an empty pad.
 */
function prepare({ side, ink }, { height, width, grey }) {
  let [left, top, right, bottom] = [side, side, -1, -1];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (ink[y * side + x] < 0.5) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
    }
  }
  if (right < 0) return null;
  const scale = ((20 / 28) * Math.min(height, width)) / Math.max(right - left, bottom - top);
  let mass = 0,
    massX = 0,
    massY = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const value = ink[y * side + x];
      [mass, massX, massY] = [mass + value, massX + value * (x + 0.5), massY + value * (y + 0.5)];
    }
  }
  const [centreX, centreY] = [massX / mass, massY / mass];
  const picture = new Float32Array(height * width);
  const fine = 4; // samples an axis of each pixel
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < fine * fine; k++) {
        const u = centreX + (x + ((k % fine) + 0.5) / fine - width / 2) / scale;
        const v = centreY + (y + (Math.floor(k / fine) + 0.5) / fine - height / 2) / scale;
        if (u >= 0 && v >= 0 && u < side && v < side)
          sum += ink[Math.floor(v) * side + Math.floor(u)];
      }
      const share = sum / fine ** 2;
      picture[y * width + x] = grey ? share : share > 0.5 ? 1 : 0;
    }
  }
  return picture;
}

/** Encodes a picture (null for none), goes to its code, and shows what comes back. */
function show(x) {
  drawing.own = true;
  encodeAll(x);
  const code = codeOf(model());
  change(code && onPlane() ? { z: inside(code.mean), all: true } : { all: true });
}

/** Encodes a picture with every encoder. */
function encodeAll(x) {
  drawing.x = x;
  drawing.codes.clear();
  for (const of of FACTS.vae.models) {
    if (x && of.encoder && !drawing.codes.has(of.encoder))
      drawing.codes.set(of.encoder, encode(of, x));
  }
}

/** q(z|x) of the drawing under a model, or null. */
function codeOf(of) {
  return drawing.codes.get(of.encoder) ?? null;
}

/** The code that the planes mark: of what the reader drew or took. */
function markedCode(of) {
  return drawing.own ? codeOf(of) : null;
}

/** The models by encoder and decoder: those that share both answer together. */
function pairs() {
  const groups = new Map();
  for (const of of FACTS.vae.models) {
    const key = `${of.encoder} ${of.decoder}`;
    groups.set(key, [...(groups.get(key) ?? []), of]);
  }
  return [...groups.values()];
}

function drawAnswers() {
  const { height, width } = FACTS.vae.digits;
  const blank = new Float32Array(height * width);
  drawDigit(document.getElementById("prepared"), drawing.x ?? blank, word("prepared-label"));
  const box = document.getElementById("answers");
  const said = [];
  box.replaceChildren(...(drawing.x ? pairs() : []).map((group) => answerOf(group, said)));
  if (!drawing.x) make("p", { text: word("draw-empty"), type: "soft", parent: box });
  document.getElementById("draw-live").textContent = said.join(" ");
}

function answerOf(group, said) {
  const of = group.includes(model()) ? model() : group[0];
  const box = make("div", { type: "answer" });
  const who = group.length > 1 ? word("answer-all", { n: group.length }) : title(of);
  const code = codeOf(of);
  if (!code) {
    make("span", { parent: box });
    const words = make("div", { parent: box });
    make("strong", { text: who, parent: words });
    make("span", { text: word("answer-closed"), parent: words });
    return box;
  }
  const canvas = make("canvas", { type: "digit", parent: box });
  drawDigit(canvas, decode(of, code.mean), word("answer-label", { title: who }));
  const words = make("div", { parent: box });
  make("strong", { text: who, parent: words });
  const text = onPlane()
    ? word("answer", {
        z: pointText(code.mean),
        std: pointText(code.logStd.map(Math.exp)),
        logp: number(planeOf(of).density.read(...inside(code.mean, of))),
      })
    : word("answer-plain", { dims: code.mean.length, z: number(Math.hypot(...code.mean)) });
  make("span", { text, parent: words });
  said.push(`${who}: ${text}.`);
  if (onPlane()) {
    const button = make("button", { text: word("go-there"), parent: words });
    button.type = "button";
    button.addEventListener("click", () => {
      choose(FACTS.vae.models.indexOf(of), code.mean);
      document.getElementById("plane").scrollIntoView({ block: "start" });
    });
  }
  return box;
}
