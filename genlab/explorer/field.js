"use strict";
// The large plane: pointer, keys, sliders, and what z decodes to beside it.

const NEAR = 15; // codes that say which digit is around
const NEAR_SHARE = 0.06; // ... of the plane's half side, the farthest they may be
const field = { plane: null, next: {}, nextPin: "a", spoken: "" };

function title(of) {
  return of.title[language];
}

/** Sets up the large plane. */
function startField() {
  const canvas = document.getElementById("field");
  field.plane = new Plane(canvas, { detail: true });
  document.getElementById("plane").hidden = false;
  steer(canvas, field.plane);
  canvas.addEventListener("keydown", steerByKey);
  for (const axis of [0, 1]) {
    const slider = document.getElementById("z" + (axis + 1));
    slider.addEventListener("input", () => {
      change({ z: state.z.map((value, i) => (i === axis ? Number(slider.value) : value)) });
    });
  }
  const select = document.getElementById("model");
  select.addEventListener("change", () => choose(select.selectedIndex));
  document.getElementById("to-sample").addEventListener("click", toSample);
  document.getElementById("to-mode").addEventListener("click", toMode);
  document.getElementById("pin-a").addEventListener("click", () => pin("a"));
  document.getElementById("pin-b").addEventListener("click", () => pin("b"));
  for (const view of ["codes", "pictures"]) {
    document.getElementById("view-" + view).addEventListener("click", () => change({ view }));
  }
  new ResizeObserver(() => change({})).observe(canvas);
  onChange(drawField);
}

/** Lets a pointer move z over the plane, a mouse by hovering, a finger by drawing; a click pins. */
function steer(canvas, plane) {
  let pressed = [0, 0];
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pressed = [event.clientX, event.clientY];
    change({ z: plane.under(event) });
  });
  canvas.addEventListener("pointermove", (event) => change({ z: plane.under(event) }));
  canvas.addEventListener("click", (event) => {
    if (Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 6) return; // drawn
    change({ z: plane.under(event) });
    pin(field.nextPin);
  });
}

/** Pins z; the next click pins the other. */
function pin(letter) {
  field.nextPin = letter === "a" ? "b" : "a";
  change({ pins: { ...state.pins, [letter]: [...state.z] } });
}

function toMode() {
  change({ z: [...planeOf(model()).density.mode] });
}

/** Goes to the prior's next sample. */
function toSample() {
  const drawn = samplesOf(model());
  const index = (field.next[model().name] = (field.next[model().name] ?? -1) + 1) % drawn.length;
  change({ z: inside(drawn[index]) });
}

const KEYS = {
  ArrowLeft: (step) => move(-step, 0),
  ArrowRight: (step) => move(step, 0),
  ArrowUp: (step) => move(0, step),
  ArrowDown: (step) => move(0, -step),
  Home: toMode,
  s: toSample,
  a: () => pin("a"),
  b: () => pin("b"),
  "[": () => turn(-1),
  "]": () => turn(1),
};

function steerByKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action(event.shiftKey ? 0.5 : 0.1);
}

function move(dx, dy) {
  change({ z: inside([state.z[0] + dx, state.z[1] + dy]) });
}

function turn(by) {
  const count = FACTS.vae.models.length;
  choose((state.model + by + count) % count);
}

/** z as text. */
function pointText(z) {
  return `(${Array.from(z, (value) => number(value)).join(", ")})`;
}

/** ln p(z) of a model, as the words `key` or, under what the grid tells apart, `key`-below. */
function densityWords(of, z, key, slots = {}) {
  const { density } = planeOf(of);
  const value = density.read(...z);
  const below = value <= density.bottom + 1e-6;
  return word(below ? key + "-below" : key, { logp: number(value), ...slots });
}

function drawField(changed) {
  const current = model();
  field.plane.model = current;
  field.plane.draw({ z: state.z, pins: state.pins, code: markedCode(current) });
  document.getElementById("model").selectedIndex = state.model;
  state.z.forEach((value, i) => {
    const slider = document.getElementById("z" + (i + 1));
    Object.assign(slider, { min: -current.limit, max: current.limit, step: 0.01, value });
    document.getElementById(`z${i + 1}-value`).textContent = number(value);
  });
  const canDecode = current.decoder !== null;
  document.getElementById("views").hidden = !canDecode;
  for (const view of ["codes", "pictures"]) {
    const button = document.getElementById("view-" + view);
    button.setAttribute("aria-pressed", String(state.view === view));
  }
  document.getElementById("no-decoder").hidden = canDecode;
  const decoded = document.getElementById("decoded");
  decoded.parentElement.hidden = !canDecode;
  if (canDecode)
    drawDigit(decoded, decode(current, state.z), word("decoded-label", { z: pointText(state.z) }));
  const near = drawNearest(current);
  const text = densityWords(current, state.z, "reading", { near });
  document.getElementById("reading").textContent = text;
  field.spoken = `z = ${pointText(state.z)}. ${text}`;
  speak();
  if (changed.has("shown")) drawClasses();
  if (changed.has("model") || changed.has("all")) {
    describePlane();
    drawBrief();
  }
}

/** Says what the plane of the chosen model shows. */
function describePlane() {
  const shares = planeOf(model()).density.levels.map(({ share }) => Math.round(100 * share));
  document.getElementById("plane-words").textContent = word(
    testLabels() ? "plane-words" : "plane-words-plain",
    { shares: shares.join(", "), count: FACTS.vae.digits.count, limit: number(model().limit, 1) },
  );
}

/** Says where z is once it rests. */
const speak = settled(() => {
  document.getElementById("live").textContent = field.spoken;
}, 400);

/** Shows the nearest test picture; returns what those around it are, in words. */
function drawNearest(of) {
  const nearest = planeOf(of).codes.nearest(state.z, NEAR);
  const labels = testLabels();
  const { index, distance } = nearest[0];
  const slots = { distance: number(distance), class: labels ? className(labels[index]) : "" };
  const text = word(labels ? "nearest" : "nearest-plain", slots);
  drawDigit(document.getElementById("nearest"), testDigit(index), text);
  document.getElementById("nearest-words").textContent = text;
  if (!labels) return "";
  const around = nearest.filter(({ distance: d }) => d < NEAR_SHARE * of.limit);
  if (!around.length) return word("near-none");
  const votes = new Map();
  for (const { index: i } of around) votes.set(labels[i], (votes.get(labels[i]) ?? 0) + 1);
  const [most] = [...votes].reduce((best, one) => (one[1] > best[1] ? one : best));
  return word("near", { class: className(most) });
}

/** The buttons that show one class. */
function drawClasses() {
  const group = document.getElementById("classes");
  group.replaceChildren();
  if (!testLabels()) return;
  const classes = [...new Set(testLabels())].sort((a, b) => a - b);
  for (const label of [...classes, null]) {
    const button = make("button", {
      text: label === null ? word("class-all") : className(label),
      parent: group,
    });
    button.type = "button";
    button.setAttribute("aria-pressed", String(state.shown === label));
    if (label !== null) {
      button.setAttribute("aria-label", word("class-one", { class: className(label) }));
      button.style.color = classColour(label);
    }
    button.addEventListener("click", () => {
      change({ shown: state.shown === label ? null : label, view: "codes" });
      requestAnimationFrame(() => [...group.children][[...classes, null].indexOf(label)].focus());
    });
  }
}

/** Words that hold slots: again after a change of language. */
function wordsOfField() {
  const select = document.getElementById("model");
  select.replaceChildren(...FACTS.vae.models.map((of) => new Option(title(of))));
  drawClasses();
}
