"use strict";
// The page's words in two languages, and how they get into it.

const WORDS = JSON.parse(document.getElementById("words").textContent);
let language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";

/** The word `key` in the page's language, its {slots} filled. */
function word(key, slots = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (_, name) => slots[name]);
}

/** Puts words into every element that asks for one; names controls that ask for a label. */
function fillWords() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = word(element.dataset.word);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", word(element.dataset.label));
  }
  const other = language === "zh" ? "en" : "zh";
  const button = document.getElementById("language");
  button.textContent = WORDS[other].language;
  button.lang = other === "zh" ? "zh-CN" : "en";
}

/** A number with a true minus sign. */
function number(value, digits = 2) {
  const text = value.toFixed(digits);
  return text.startsWith("-") ? "−" + text.slice(1) : text;
}

/** A small positive number to one significant digit, as 0.0003. */
function small(value) {
  return value === 0
    ? "0"
    : value.toFixed(Math.min(8, Math.max(0, -Math.floor(Math.log10(value)))));
}

/** Shorthand: a new element with text and a class. */
function make(tag, { text = "", type = "", parent = null } = {}) {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  if (type) element.className = type;
  if (parent) parent.append(element);
  return element;
}
