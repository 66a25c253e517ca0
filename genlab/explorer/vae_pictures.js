"use strict";
// VAEs whose networks the page does not run, by pictures that genlab decoded: test pictures and
// their reconstructions, samples of each prior with their distances, a walk through the latents.

const AT_ONCE = 20; // samples of a prior that are shown at a time
const FEW_FRAMES = 4; // models whose walks have large pictures
const SMALL = 48; // pictures with fewer pixels a side are shown with sharp pixels
const sheets = { reconstructions: null, samples: [], walks: [] };
let firstShown = 0;

/** The rows of samples: those of each prior, its guided ones below them; where they were measured,
    decoded codes above all, and below all a GAN's distances. */
function sampleSources() {
  const { models, pictures } = FACTS.vae;
  const { limit } = pictures;
  const row = (name, { samples, measured }) => ({ name, sheet: samples, measured });
  const rows = models.flatMap((of) => [
    row(title(of), of),
    ...(of.guided ? [row(word("guided", { title: title(of) }), of.guided)] : []),
  ]);
  if (!limit) return rows;
  const gan = limit.gan && { name: "GAN", sheet: null, measured: { distances: limit.gan } };
  const codes = { name: word("decoded-codes"), sheet: limit.sheet, measured: limit };
  return [codes, ...rows, gan].filter(Boolean);
}

async function startPictures() {
  const { models, pictures } = FACTS.vae;
  const { reconstructions, stops, steps, samples, height } = pictures;
  for (const id of ["reconstructions", "prior-samples", "prior-walks"]) {
    const section = document.getElementById(id);
    section.hidden = false;
    section.classList.toggle("pixels", height < SMALL);
  }
  const rebuilt = document.getElementById("reconstruction-rows");
  for (let i = 0; i <= reconstructions.titles.length; i++) {
    pictureRow(rebuilt, "row", "row-pictures", reconstructions.count);
  }
  const sources = sampleSources();
  for (const { sheet } of sources) {
    pictureRow(document.getElementById("prior-rows"), "prior-row", "tiles", sheet ? AT_ONCE : 0);
  }
  document.getElementById("other-samples").addEventListener("click", () => {
    firstShown = (firstShown + AT_ONCE) % samples;
    drawPriorSamples();
  });
  document.getElementById("frames").classList.toggle("few", models.length <= FEW_FRAMES);
  pictureOfEach("frames", "canvas");
  if (models[0].plane) {
    document.getElementById("planes").hidden = false;
    pictureOfEach("plane-pictures", "img").forEach((image, i) => {
      image.src = models[i].plane.picture;
    });
  }
  const place = document.getElementById("walk-place");
  place.max = stops * steps - 1;
  place.addEventListener("input", drawFrames);
  sheets.reconstructions = await picture(reconstructions.sheet);
  sheets.samples = await Promise.all(sources.map(({ sheet }) => sheet && picture(sheet)));
  sheets.walks = await Promise.all(models.map(({ walk }) => picture(walk)));
  onChange((changed) => changed.has("all") && drawPictures());
  drawPictures();
}

/** A picture of each model with a caption; returns the pictures. */
function pictureOfEach(id, tag) {
  const { models } = FACTS.vae;
  const box = document.getElementById(id);
  return models.map(() => {
    const figure = make("figure", { parent: box });
    const image = make(tag, { parent: figure });
    make("figcaption", { parent: figure });
    return image;
  });
}

/** A row with a name and canvases. */
function pictureRow(parent, type, inner, count) {
  const row = make("div", { type, parent });
  make("p", { parent: row });
  const box = make("div", { type: inner, parent: row });
  for (let i = 0; i < count; i++) make("canvas", { parent: box });
}

/** One picture of a sheet, said in words. */
function drawTile(canvas, sheet, column, row, label) {
  const { width, height } = FACTS.vae.pictures;
  tile(canvas, sheet, column, row, width, height);
  describe(canvas, label);
}

function drawPictures() {
  drawReconstructions();
  drawPriorSamples();
  const { stops } = FACTS.vae.pictures;
  document.getElementById("prior-walks-words").textContent = word("prior-walks-words", { stops });
  drawFrames();
  if (FACTS.vae.models[0].plane) drawPlanePictures();
}

function drawPlanePictures() {
  const { models } = FACTS.vae;
  const { codes: count } = models[0].plane;
  document.getElementById("planes-words").textContent = word("planes-words", { count });
  [...document.getElementById("plane-pictures").children].forEach((figure, k) => {
    const name = title(models[k]);
    figure.firstChild.alt = word("still-density", { title: name });
    figure.lastChild.textContent = `${name}, ±${number(models[k].plane.limit, 1)}`;
  });
}

function drawReconstructions() {
  const { titles } = FACTS.vae.pictures.reconstructions;
  [...document.getElementById("reconstruction-rows").children].forEach((row, k) => {
    const name = k ? titles[k - 1][language] : word("test-pictures");
    const several = k && titles.length > 1;
    row.firstChild.textContent = k && !several ? word("reconstructions-heading") : name;
    [...row.lastChild.children].forEach((canvas, i) => {
      const label = k
        ? word("reconstruction-label", { title: name, i: i + 1 })
        : word("test-picture-label", { i: i + 1 });
      drawTile(canvas, sheets.reconstructions, i, k, label);
    });
  });
}

function drawPriorSamples() {
  const { models, pictures, post_hoc: postHoc } = FACTS.vae;
  const { limit, columns } = pictures;
  const one = models.length === 1;
  const joined = (parts) => parts.join(language === "zh" ? "" : " ");
  document.getElementById("prior-samples-heading").textContent = word(
    one ? "samples-heading-one" : "samples-heading",
  );
  const said = [word(one ? "samples-words-one" : "prior-samples-words")];
  if (postHoc) said.push(word("same-decoder"));
  if (models.some((of) => of.guided)) said.push(word("guided-words"));
  document.getElementById("prior-samples-words").textContent = joined(said);
  if (limit) {
    const about = [word("distances-words", { n: limit.n, real: limit.n_real })];
    about.push(word(postHoc ? "limit-words" : "limit-joint"));
    if (limit.distances.length > 1) about.push(word("limit-by", limit));
    const element = document.getElementById("distances-words");
    element.hidden = false;
    element.textContent = joined(about);
  }
  const rows = document.getElementById("prior-rows").children;
  sampleSources().forEach(({ name, measured }, k) => {
    drawMeasured(rows[k].firstChild, name, measured);
    [...rows[k].lastChild.children].forEach((canvas, i) => {
      const index = firstShown + i;
      const label = word("sample-label", { i: index + 1, title: name });
      drawTile(canvas, sheets.samples[k], index % columns, Math.floor(index / columns), label);
    });
  });
}

/** A prior's name, and the distances of its samples if they were measured. */
function drawMeasured(element, name, measured) {
  element.replaceChildren();
  make("strong", { text: name, parent: element });
  if (!measured) return;
  const add = (label, number) => {
    const part = make("span", { text: label + "\u00a0", parent: element });
    withError(make("b", { parent: part }), number);
  };
  for (const { label, number } of measured.distances) add(label, number);
  if (measured.above) add(word("above-limit"), measured.above);
  if (measured.closed) add(word("gap-closed"), { texts: [measured.closed, ""] });
}

function drawFrames() {
  const { models, pictures } = FACTS.vae;
  const { stops, steps } = pictures;
  const slider = document.getElementById("walk-place");
  const index = Number(slider.value);
  const stop = Math.floor(index / steps);
  const where = word(index % steps ? "walk-between" : "walk-at", {
    i: stop + 1,
    j: ((stop + 1) % stops) + 1,
  });
  document.getElementById("walk-place-value").textContent = where;
  slider.setAttribute("aria-valuetext", where);
  [...document.getElementById("frames").children].forEach((figure, k) => {
    const name = title(models[k]);
    const label = word("walk-frame-label", { title: name, i: index + 1, n: stops * steps });
    drawTile(figure.firstChild, sheets.walks[k], index % steps, stop, label);
    figure.lastChild.textContent = name;
  });
}
