"use strict";
// The GAN: its samples over training, a walk through its latents, its distance from real images.

const gan = { sheets: [], walk: null };

async function startGan() {
  const { snapshots, walk, size, distances } = FACTS.gan;
  document.getElementById("gan").hidden = false;
  const slider = document.getElementById("epoch");
  slider.max = snapshots.length - 1;
  slider.value = snapshots.length - 1;
  slider.addEventListener("input", drawDogs);
  const dogs = document.getElementById("dogs");
  const most = Math.max(0, ...snapshots.map(({ count }) => count));
  for (let i = 0; i < most; i++) make("canvas", { parent: dogs });
  const place = document.getElementById("place");
  place.max = walk.anchors * walk.steps - 1;
  place.addEventListener("input", drawFrame);
  const anchors = document.getElementById("anchors");
  for (let i = 0; i < walk.anchors; i++) {
    const button = make("button", { parent: anchors });
    button.type = "button";
    make("canvas", { parent: button });
    button.addEventListener("click", () => {
      place.value = i * walk.steps;
      drawFrame();
    });
  }
  if (distances) document.getElementById("distances").hidden = false;
  gan.sheets = await Promise.all(snapshots.map(({ sheet }) => picture(sheet)));
  gan.walk = await picture(walk.sheet);
  [...anchors.children].forEach((button, i) => tile(button.firstChild, gan.walk, 0, i, size));
  onChange((changed) => changed.has("all") && drawGan());
  drawGan();
}

function drawGan() {
  const { images, design, size, pretrained: network, data } = FACTS.gan;
  document.getElementById("gan-words").textContent = word("gan-words", {
    images,
    design,
    size,
    name: data.name,
    standin: data.stand_in ? word("standin") : "",
    through: network ? word("through", { network }) : "",
  });
  [...document.getElementById("anchors").children].forEach((button, i) => {
    button.setAttribute("aria-label", word("anchor-label", { i: i + 1 }));
  });
  drawDogs();
  drawFrame();
  if (FACTS.gan.distances) drawDistances();
}

function drawDogs() {
  const { snapshots, size } = FACTS.gan;
  const slider = document.getElementById("epoch");
  const index = Number(slider.value);
  const { epoch, count } = snapshots[index];
  document.getElementById("epoch-value").textContent = epoch;
  slider.setAttribute("aria-valuetext", `${word("epoch")} ${epoch}`);
  [...document.getElementById("dogs").children].forEach((canvas, i) => {
    canvas.hidden = i >= count;
    if (i >= count) return;
    tile(canvas, gan.sheets[index], i, 0, size);
    describe(canvas, word("dog-label", { i: i + 1, epoch }));
  });
  if (FACTS.gan.distances) drawCharts(epoch);
}

function drawFrame() {
  const { walk, size } = FACTS.gan;
  const index = Number(document.getElementById("place").value);
  const canvas = document.getElementById("frame");
  tile(canvas, gan.walk, index % walk.steps, Math.floor(index / walk.steps), size);
  describe(canvas, word("frame-label", { i: index + 1, n: walk.anchors * walk.steps }));
}

function drawDistances() {
  const { curves, recognised, recognised_real: real, n_real, n_fake } = FACTS.gan.distances;
  const { different_real, different_fake } = FACTS.gan.distances;
  const many = (n, k) => (k === n ? n : word("some-different", { n, k }));
  const percent = (share) => (100 * share).toFixed(1);
  const banded = curves.some(
    ({ points, floor }) => floor !== null || points.some(({ error }) => error !== null),
  );
  const last = recognised.length ? recognised[recognised.length - 1].value : null;
  document.getElementById("distance-words").textContent = word("distance-words", {
    fake: many(n_fake, different_fake),
    real: many(n_real, different_real),
    bands: word(banded ? "bands" : "no-bands"),
    recognised:
      last === null ? "" : word("recognised", { fake: percent(last), real: percent(real) }),
  });
  const box = document.getElementById("charts");
  if (box.children.length !== curves.length) {
    box.replaceChildren(...curves.map(() => make("canvas", { type: "chart" })));
  }
  drawDogs();
}

function drawCharts(epoch) {
  const accent = `rgb(${colour("--accent")})`;
  FACTS.gan.distances.curves.forEach(({ label, value, points, floor }, i) => {
    const canvas = document.getElementById("charts").children[i];
    const context = canvas && sharp(canvas);
    if (!context) return;
    const all = points.length ? points : [{ epoch: FACTS.gan.epochs, value, error: null }];
    const low = all.map((p) => p.value - (p.error ?? 0)),
      high = all.map((p) => p.value + (p.error ?? 0));
    const top = Math.max(...high, floor ?? 0) * 1.08;
    const marks = all.map((p) => p.epoch);
    const range = marks.length > 1 ? [0, marks[marks.length - 1]] : [0, 2 * marks[0]];
    const chart = new Chart(context, canvas, { x: range, y: [0, top], label, marks });
    if (all.every((p) => p.error !== null)) {
      const at = (values) => values.map((v, k) => [marks[k], v]);
      chart.band(at(low), at(high), `rgba(${colour("--heat")}, .25)`);
    }
    if (floor !== null)
      chart.curve(
        [
          [range[0], floor],
          [range[1], floor],
        ],
        `rgb(${colour("--soft")})`,
        1.5,
        [5, 4],
      );
    chart.curve(
      all.map((p) => [p.epoch, p.value]),
      `rgb(${colour("--heat")})`,
      2,
    );
    for (const p of all)
      chart.dot([p.epoch, p.value], p.epoch === epoch ? accent : `rgb(${colour("--heat")})`);
    describe(
      canvas,
      word("chart-label", {
        label,
        points: all.map((p) => `${p.epoch}: ${p.value.toPrecision(4)}`).join(", "),
      }),
    );
  });
}
