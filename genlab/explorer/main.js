"use strict";
// Puts the page together.

/** The title, and whose pictures these are. */
function wordsOfHead() {
  const subject = () => {
    if (!FACTS.vae) return "gan";
    if (!isLive()) return "pictures";
    return onPlane() ? "vae" : "space";
  };
  document.title = word("title-" + subject(), { name: FACTS.run.name });
  const data = [];
  const say = (key, { name, stand_in: standin }) =>
    data.push(word(key, { name, standin: standin ? word("standin") : "" }));
  if (FACTS.vae) say("data-digits", FACTS.vae.digits.identity);
  if (FACTS.gan) say("data-images", FACTS.gan.data);
  if (FACTS.vae && FACTS.vae.seeds > 1) data.push(word("one-seed", FACTS.vae));
  document.getElementById("data").textContent = data.join(" ");
}

/** Everything whose words or colours may have changed. */
function again() {
  forgetColours();
  fillWords();
  wordsOfHead();
  if (isLive()) {
    if (onPlane()) {
      wordsOfField();
      wordsOfSide();
    }
    wordsOfWalk();
    drawSamples();
  }
  change({ all: true });
}

/** Paper is white: the page in its light colours, everything drawn; and back. */
function startPrinting() {
  const { dataset } = document.documentElement;
  let before;
  addEventListener("beforeprint", () => {
    before = dataset.theme;
    dataset.theme = "light";
    again();
    announce();
    cards.forEach((card) => drawCard(card, true));
    if (isLive()) drawSamples(true);
  });
  addEventListener("afterprint", () => {
    if (before) dataset.theme = before;
    else delete dataset.theme;
    again();
  });
}

function start() {
  for (const id of ["main", "tools", "verdict"]) document.getElementById(id).hidden = false;
  if (onPlane()) state.z = inside(planeOf(model()).codes.z.slice(0, 2));
  if (isLive()) state.pins = firstPins();
  readAddress();
  if (isLive()) {
    if (onPlane()) {
      startField();
      startSide();
    }
    startWalk();
    startSamples();
    startDraw();
  }
  if (FACTS.vae && !isLive()) startPictures();
  if (FACTS.vae) startNumbers();
  if (FACTS.sheet) startSheet();
  if (FACTS.gan) startGan();
  startCheck();
  startPrinting();
  document.getElementById("language").addEventListener("click", () => {
    language = language === "zh" ? "en" : "zh";
    again();
  });
  document.getElementById("theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    again();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  let moving = 0;
  addEventListener(
    "scroll",
    () => {
      cancelAnimationFrame(moving);
      moving = requestAnimationFrame(() => cards.forEach((card) => drawCard(card)));
    },
    { passive: true },
  );
  addEventListener(
    "resize",
    settled(() => change({ all: true }), 120),
  );
  addEventListener("hashchange", () => {
    readAddress();
    again();
  });
  again();
}

start();
