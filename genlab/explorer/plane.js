"use strict";
// One latent plane on a canvas: density, contours and codes, which stay; pointer and pins, which
// move.

const LONGEST_MARK = 2; // letters of names that are written at every code
const CLASS_COLOURS = {
  light: [
    "#2f6db3",
    "#d1495b",
    "#1f8a4c",
    "#9a7d0a",
    "#0e8fa8",
    "#a1327a",
    "#7f4f24",
    "#43436b",
    "#d9691e",
    "#6b7688",
  ],
  dark: [
    "#6fa8e8",
    "#ff8a98",
    "#5fd08a",
    "#e3c34b",
    "#5fd3ea",
    "#e27abf",
    "#d4a373",
    "#b3b3e6",
    "#ffa45c",
    "#aab4c3",
  ],
};
const SHADE_DEPTH = 9; // nats under the top at which the shading ends

/** The colour of a class in the page's light or dark; ten classes have ten. */
function classColour(label) {
  const dark = colour("--paper")[0] < 128;
  const colours = CLASS_COLOURS[dark ? "dark" : "light"];
  return colours[label % colours.length];
}

/** The codes of one model: positions and nearest neighbours. */
class Codes {
  constructor({ scale, values }, limit) {
    this.reach = limit / 10;
    this.z = Float32Array.from(numbers(values, Int16Array), (value) => value * scale);
    this.count = this.z.length / 2;
  }

  /** For each class the code with the most of its class within a tenth of the plane, as
      [label, index]. */
  centres(labels) {
    if (this.found) return this.found;
    const best = new Map();
    const reach = this.reach ** 2;
    const { z } = this;
    for (let i = 0; i < this.count; i += 4) {
      let around = 0;
      for (let j = 0; j < this.count; j += 4) {
        const near = (z[2 * i] - z[2 * j]) ** 2 + (z[2 * i + 1] - z[2 * j + 1]) ** 2 < reach;
        if (near) around += labels[i] === labels[j] ? 1 : -0.25;
      }
      if (!(best.get(labels[i])?.around >= around)) best.set(labels[i], { index: i, around });
    }
    return (this.found = [...best].map(([label, { index }]) => [label, index]));
  }

  /** The indices of the nearest codes to z with their distances, nearest first. */
  nearest(z, count) {
    const found = [];
    for (let i = 0; i < this.count; i++) {
      const distance = Math.hypot(this.z[2 * i] - z[0], this.z[2 * i + 1] - z[1]);
      if (found.length === count && distance >= found[count - 1].distance) continue;
      found.push({ index: i, distance });
      found.sort((a, b) => a.distance - b.distance);
      if (found.length > count) found.pop();
    }
    return found;
  }
}

/** Density and codes of a model, built when first asked for; equal codes only once. */
const planes = new Map();
const allCodes = new Map();
function planeOf(model) {
  if (!planes.has(model)) {
    const key = model.codes.values;
    if (!allCodes.has(key)) allCodes.set(key, new Codes(model.codes, model.limit));
    planes.set(model, {
      density: new Density(model.density, model.limit),
      codes: allCodes.get(key),
    });
  }
  return planes.get(model);
}

/** A canvas that shows a model's plane. `detail`: codes as digits, not dots. */
class Plane {
  constructor(canvas, { detail }) {
    Object.assign(this, {
      canvas,
      detail,
      model: null,
      still: document.createElement("canvas"),
      key: "",
    });
  }

  /** z to CSS pixels. */
  place([z1, z2]) {
    const { limit } = this.model;
    const side = this.canvas.clientWidth;
    return [((z1 + limit) / (2 * limit)) * side, ((limit - z2) / (2 * limit)) * side];
  }

  /** The z under a pointer event. */
  under(event) {
    const { limit } = this.model;
    const box = this.canvas.getBoundingClientRect();
    const share = (at, from, size) => ((at - from - 1) / (size - 2)) * 2 * limit - limit;
    return inside(
      [share(event.clientX, box.left, box.width), -share(event.clientY, box.top, box.height)],
      this.model,
    );
  }

  /** Draws everything; `marks` as of `drawMarks`. */
  draw(marks) {
    const context = sharp(this.canvas);
    if (!context) return;
    const side = this.canvas.clientWidth;
    const key = [this.model.name, this.canvas.width, classColour(0), state.shown].join();
    if (key !== this.key) {
      this.key = key;
      this.still.width = this.still.height = this.canvas.width;
      const still = this.still.getContext("2d");
      still.scale(this.canvas.width / side, this.canvas.width / side);
      this.drawDensity(still, side);
      this.drawCodes(still);
    }
    context.drawImage(this.still, 0, 0, side, side);
    if (this.picturesWanted()) {
      context.drawImage(latticeOf(this.model).canvas, 0, 0, side, side);
      this.drawLines(context);
    }
    this.drawMarks(context, side, marks);
  }

  /** Whether the decoded plane is shown in place of the codes. */
  picturesWanted() {
    return this.detail && state.view === "pictures" && this.model.decoder !== null;
  }

  drawDensity(context, side) {
    const { density } = planeOf(this.model);
    const { limit } = this.model;
    const heat = colour("--heat");
    const fine = Math.min(320, 2 * density.grid - 1);
    const image = new ImageData(fine, fine);
    for (let y = 0; y < fine; y++) {
      for (let x = 0; x < fine; x++) {
        const z1 = -limit + (2 * limit * x) / (fine - 1),
          z2 = limit - (2 * limit * y) / (fine - 1);
        const depth = 1 + (density.read(z1, z2) - density.top) / SHADE_DEPTH;
        const at = 4 * (y * fine + x);
        image.data.set(heat, at);
        image.data[at + 3] = 125 * Math.max(0, depth) ** 1.5;
      }
    }
    const shading = document.createElement("canvas");
    shading.width = shading.height = fine;
    shading.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = true;
    context.drawImage(shading, 0, 0, side, side);
    this.drawLines(context);
  }

  drawLines(context) {
    context.lineWidth = this.detail ? 1 : 0.7;
    context.strokeStyle = `rgba(${colour("--heat")}, ${this.detail ? 0.75 : 0.6})`;
    context.beginPath();
    for (const [x0, y0, x1, y1] of planeOf(this.model).density.lines) {
      context.moveTo(...this.place([x0, y0]));
      context.lineTo(...this.place([x1, y1]));
    }
    context.stroke();
  }

  drawCodes(context) {
    const { codes } = planeOf(this.model);
    const labels = testLabels();
    const classes = [...new Set(labels ?? [0])];
    const looks = new Map(classes.map((one) => [one, [className(one), classColour(one)]]));
    const short = classes.every((one) => className(one).length <= LONGEST_MARK);
    const named = this.detail && labels && short;
    context.font = "600 10px " + getComputedStyle(document.body).fontFamily;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const every = named && this.canvas.clientWidth < 420 ? 2 : 1; // where they would pile up
    for (let i = 0; i < codes.count; i += every) {
      const [x, y] = this.place([codes.z[2 * i], codes.z[2 * i + 1]]);
      const label = labels ? labels[i] : 0;
      const faded = state.shown !== null && label !== state.shown;
      const [name, shade] = looks.get(label);
      context.globalAlpha = faded ? 0.06 : named ? 0.8 : 0.55;
      context.fillStyle = shade;
      if (named) context.fillText(name, x, y);
      else context.fillRect(x - 0.8, y - 0.8, 1.6, 1.6);
    }
    context.globalAlpha = 1;
    if (labels && !named) this.drawClassNames(context, codes, labels);
  }

  /** A class's name in bold at its code with the most of its kind around. */
  drawClassNames(context, codes, labels) {
    context.font = "700 13px " + getComputedStyle(document.body).fontFamily;
    context.lineWidth = 3;
    context.strokeStyle = `rgb(${colour("--field")})`;
    for (const [label, index] of codes.centres(labels)) {
      const [x, y] = this.place([codes.z[2 * index], codes.z[2 * index + 1]]);
      context.strokeText(className(label), x, y);
      context.fillStyle = classColour(label);
      context.fillText(className(label), x, y);
    }
  }

  /** The moving part. `marks`: z, pins {a, b}, and `code` {mean, logStd} of a drawing. */
  drawMarks(context, side, { z, pins, code }) {
    const accent = `rgb(${colour("--accent")})`;
    context.strokeStyle = context.fillStyle = accent;
    if (this.detail && pins.a && pins.b) {
      context.setLineDash([4, 4]);
      line(context, this.place(pins.a), this.place(pins.b));
      context.setLineDash([]);
    }
    for (const [letter, pin] of this.detail ? Object.entries(pins) : []) {
      if (pin) this.drawPin(context, this.place(pin), letter.toUpperCase(), accent);
    }
    if (code) {
      const { limit } = this.model;
      const radii = Array.from(code.logStd, (v) =>
        Math.max(3, (Math.exp(v) / (2 * limit)) * side),
      );
      context.beginPath();
      context.ellipse(...this.place(code.mean), radii[0], radii[1], 0, 0, 2 * Math.PI);
      context.stroke();
      const [x, y] = this.place(code.mean);
      context.font = "15px " + getComputedStyle(document.body).fontFamily;
      context.fillText("✎", x + radii[0] + 8, y - 8);
    }
    const [x, y] = this.place(z);
    context.globalAlpha = 0.3;
    context.lineWidth = 1;
    line(context, [x, 0], [x, side]);
    line(context, [0, y], [side, y]);
    context.globalAlpha = 1;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, this.detail ? 7 : 4, 0, 2 * Math.PI);
    context.stroke();
  }

  drawPin(context, [x, y], letter, accent) {
    context.beginPath();
    context.arc(x, y, 9, 0, 2 * Math.PI);
    context.fill();
    context.font = "700 11px " + getComputedStyle(document.body).fontFamily;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = `rgb(${colour("--paper")})`;
    context.fillText(letter, x, y + 0.5);
    context.fillStyle = accent;
  }
}

function line(context, from, to) {
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}
