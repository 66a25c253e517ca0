"use strict";
// Images on canvases: parts of a sheet of images; grey ones, which are ink on paper in the colours
// of the page, or as they are.

const colours = new Map(); // asked of the style once: `forgetColours` after a change of light

/** A colour of the page's style as [r, g, b]. */
function colour(name) {
  if (!colours.has(name)) {
    const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const hex = text.startsWith("#") && [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
    colours.set(name, hex || text.split(",").map(Number));
  }
  return colours.get(name);
}

function forgetColours() {
  colours.clear();
}

/** Draws grey values, 1 for ink or white; the canvas takes the images' size. */
function drawDigit(canvas, grey, label) {
  const { height, width, paper } = FACTS.vae.digits;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const none = paper ? colour("--field") : [0, 0, 0],
    full = paper ? colour("--ink") : [255, 255, 255];
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = none[c] + (full[c] - none[c]) * grey[i];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  if (label) describe(canvas, label);
}

/** Draws one image of a sheet; the canvas takes its size. */
function tile(canvas, sheet, column, row, width, height = width) {
  canvas.width = width;
  canvas.height = height;
  canvas
    .getContext("2d")
    .drawImage(sheet, column * width, row * height, width, height, 0, 0, width, height);
}

/** Says what a canvas shows. */
function describe(canvas, label) {
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
}

/** A test digit of the page: a byte a pixel if it is grey, else a bit. */
function testDigit(index) {
  const { height, width, images, grey } = FACTS.vae.digits;
  const data = bytes(images);
  const pixels = height * width;
  if (grey) return Float32Array.from(data.subarray(index * pixels, (index + 1) * pixels), toGrey);
  const each = Math.ceil(pixels / 8);
  const x = new Float32Array(pixels);
  for (let i = 0; i < pixels; i++) x[i] = (data[index * each + (i >> 3)] >> (i & 7)) & 1;
  return x;
}

function toGrey(level) {
  return level / 255;
}

/** The classes of the test pictures, or null. */
function testLabels() {
  const { labels } = FACTS.vae.digits;
  return labels ? bytes(labels) : null;
}

/** The name of a class. */
function className(label) {
  return FACTS.vae.digits.classes[label] ?? String(label);
}

/** Sizes a canvas for its box on the screen and returns a context in CSS pixels, or null if it
    has no box. */
function sharp(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width) return null;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
