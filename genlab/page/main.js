"use strict";
// Puts the page together.

/** The title, and whose pictures these are. */
function wordsOfHead() {
  const subject = FACTS.vae ? (onPlane() ? "vae" : "space") : "gan";
  document.title = word("title-" + subject, { name: FACTS.run.name });
  const data = [];
  const say = (key, { name, stand_in: standin }) =>
    data.push(word(key, { name, standin: standin ? word("standin") : "" }));
  if (FACTS.vae) say("data-digits", FACTS.vae.digits.identity);
  if (FACTS.gan) say("data-images", FACTS.gan.data);
  document.getElementById("data").textContent = data.join(" ");
}

/** Everything whose words or colours may have changed. */
function again() {
  forgetColours();
  fillWords();
  wordsOfHead();
  if (FACTS.vae) {
    if (onPlane()) {
      wordsOfField();
      wordsOfSide();
    }
    wordsOfWalk();
    drawSamples();
  }
  change({ all: true });
}

function start() {
  for (const id of ["main", "tools", "verdict"]) document.getElementById(id).hidden = false;
  if (onPlane()) state.z = inside(planeOf(model()).codes.z.slice(0, 2));
  if (FACTS.vae) state.pins = firstPins();
  readAddress();
  if (FACTS.vae) {
    if (onPlane()) {
      startField();
      startSide();
    }
    startWalk();
    startSamples();
    startDraw();
    startNumbers();
  }
  if (FACTS.gan) startGan();
  startCheck();
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
      moving = requestAnimationFrame(() => cards.forEach(drawCard));
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
