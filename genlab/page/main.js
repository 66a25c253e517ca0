"use strict";
// Puts the page together.

/** Everything whose words or colours may have changed. */
function again() {
  fillWords();
  if (FACTS.vae) {
    if (onPlane()) {
      wordsOfField();
      wordsOfSide();
    }
    drawSamples();
  }
  change({ all: true });
}

function start() {
  if (FACTS.vae && onPlane()) {
    state.z = planeOf(model()).codes.z.slice(0, 2);
    state.z = inside(Array.from(state.z));
    state.pins = firstPins();
  }
  readAddress();
  if (FACTS.vae) {
    if (onPlane()) {
      startField();
      startSide();
      startWalk();
    }
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
  addEventListener("scroll", () => {
    cancelAnimationFrame(moving);
    moving = requestAnimationFrame(() => cards.forEach(drawCard));
  }, { passive: true });
  addEventListener("resize", settled(() => change({ all: true }), 120));
  addEventListener("hashchange", () => {
    readAddress();
    again();
  });
  again();
}

start();
