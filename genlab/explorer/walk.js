"use strict";
// The straight line between the two pins: pictures along it, and ln p(z) on the way.

const STOPS = 11;
const STEPS = 100;

/** The first pins, so that there is a walk to see: the centres of two classes far apart, or two
    codes where there are no classes, or two samples where there is no plane. */
function firstPins() {
  if (!onPlane()) {
    const [a, b] = samplesOf(model());
    return { a, b };
  }
  const { codes } = planeOf(model());
  const labels = testLabels();
  const places = labels ? codes.centres(labels).map(([, index]) => index) : [0, 1, 2, 3, 4];
  const at = (i) => inside([codes.z[2 * i], codes.z[2 * i + 1]]);
  const ways = places.flatMap((i) => places.map((j) => [at(i), at(j)]));
  const length = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]);
  const [a, b] = ways.reduce((best, way) => (length(way) > length(best) ? way : best));
  return { a, b };
}

/** The point a share t of the way from pin A to pin B. */
function onLine(t) {
  const { a, b } = state.pins;
  return a.map((value, i) => value + t * (b[i] - value));
}

function startWalk() {
  document.getElementById("walk").hidden = false;
  const strip = document.getElementById("walk-strip");
  for (let i = 0; i < STOPS; i++) make("canvas", { type: "digit", parent: strip });
  document.getElementById("walk-slider").hidden = !onPlane();
  document.getElementById("walk-chart").hidden = !onPlane();
  const slider = document.getElementById("walk-t");
  slider.addEventListener("input", () => change({ z: onLine(Number(slider.value)) }));
  onChange((changed) => {
    if (changed.has("pins") || changed.has("model") || changed.has("all")) drawStrip(strip);
    if (onPlane()) drawWalkChart();
  });
}

/** The models with the same codes: their densities may be compared. */
function kinOf(of) {
  return FACTS.vae.models.filter((other) => other.codes.values === of.codes.values);
}

function wordsOfWalk() {
  const key = !onPlane()
    ? "walk-words-space"
    : kinOf(model()).length > 1
      ? "walk-words-kin"
      : "walk-words";
  document.getElementById("walk-words").textContent = word(key);
}

function drawStrip(strip) {
  strip.hidden = model().decoder === null;
  if (strip.hidden) return;
  [...strip.children].forEach((canvas, i) => {
    const z = onLine(i / (STOPS - 1));
    drawDigit(canvas, decode(model(), z), word("decoded-label", { z: pointText(z) }));
  });
}

function drawWalkChart() {
  const canvas = document.getElementById("walk-chart");
  const context = sharp(canvas);
  if (!context) return;
  const kin = kinOf(model());
  const curves = kin.map((of) => {
    const { density } = planeOf(of);
    return Array.from({ length: STEPS + 1 }, (_, i) => density.read(...onLine(i / STEPS)));
  });
  const top = Math.max(...curves.flat());
  const bottom = Math.max(top - 20, Math.min(...curves.flat())) - 0.3;
  const chart = new Chart(context, canvas, {
    x: [0, 1],
    y: [bottom, top + 0.3],
    label: "ln p(z)",
  });
  curves.forEach((values, i) => {
    if (kin[i] !== model())
      chart.curve(
        values.map((v, j) => [j / STEPS, v]),
        `rgba(${colour("--heat")}, .35)`,
        1,
      );
  });
  const own = curves[kin.indexOf(model())];
  chart.curve(
    own.map((v, j) => [j / STEPS, v]),
    `rgb(${colour("--accent")})`,
    2.5,
  );
  const t = Number(document.getElementById("walk-t").value);
  const nearest = own[Math.round(t * STEPS)];
  chart.dot([t, nearest], `rgb(${colour("--accent")})`);
  const [a, low, b] = [own[0], Math.min(...own), own[STEPS]].map((v) => number(v));
  describe(canvas, word("walk-chart-label", { a, low, b }));
}
