"use strict";
// Marks are sent without leaving the page, and single keys do what buttons do. Without this script the forms work as well.

const said = document.getElementById("said");
const keys = document.getElementById("keys");
const undo = document.querySelector("#undo button");
let current = null;
let half = false;

const cards = () => [...document.querySelectorAll(".card")];

function go(card) {
  if (!card) return;
  current = card.id;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
  history.replaceState(null, "", `#${card.id}`);
}

function here() {
  return document.getElementById(current) || cards()[0];
}

function step(by) {
  const all = cards();
  go(all[Math.min(Math.max(all.indexOf(here()) + by, 0), all.length - 1)]);
}

function nextWaiting(after) {
  const all = cards();
  const place = all.indexOf(after);
  const open = (card) => card.classList.contains("waits") && !card.classList.contains("saving");
  return [...all.slice(place + 1), ...all.slice(0, place)].find(open);
}

// What was unfolded stays so; `keep`: and what was typed and not sent yet.
function replace(id, text, keep) {
  const card = document.getElementById(id);
  if (!card) return;
  const hasFocus = card.contains(document.activeElement);
  const made = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
  const list = made.querySelector("details");
  if (list) list.open = Boolean(card.querySelector("details[open]"));
  for (const field of keep ? made.querySelectorAll("[name=typed], [name=comment]") : []) {
    const before = card.querySelector(`[name=${field.name}]`);
    if (before.value !== before.defaultValue) field.value = before.value;
  }
  card.replaceWith(made);
  if (hasFocus) made.focus({ preventScroll: true });
}

async function send(form, submitter, card, keep = false) {
  if (card) card.classList.add("saving");
  said.textContent = document.body.dataset.saving;
  let found;
  try {
    const data = new FormData(form, submitter);
    const response = await fetch(form.action, { method: "POST", body: data, headers: { "X-Requested-With": "fetch" } });
    found = await response.json();
  } catch {
    found = { said: document.body.dataset.ended };
  }
  if (card) card.classList.remove("saving");
  if (found.reload) return location.reload();
  said.textContent = found.said;
  if (!found.cards) return go(card);
  for (const [id, text] of Object.entries(found.cards)) replace(id, text, keep);
  document.getElementById("left").textContent = found.left;
  undo.disabled = !found.undo;
  return found;
}

function mark(card, submitter) {
  const next = submitter && submitter.name === "points" ? nextWaiting(card) : null;
  send(card.querySelector(".marks"), submitter, card);
  go(next || card);
}

async function takeBack() {
  const found = await send(undo.form, undo, null);
  if (!found) return;
  const first = Object.keys(found.cards).find((id) => document.getElementById(id));
  if (first) go(document.getElementById(first));
  else location.assign(`../${found.place}/`);
}

async function showNames(form) {
  const button = form.querySelector("button");
  const found = await send(form, button, null, true);
  if (found) button.textContent = found.names;
}

function digit(value) {
  const card = here();
  const points = value + (half ? 0.5 : 0);
  half = false;
  const button = card.querySelector(`.choices button[value="${points}"]`);
  if (button) return mark(card, button);
  if (points > Number(card.dataset.most)) {
    said.textContent = card.dataset.refused;
    return;
  }
  const typed = card.querySelector("[name=typed]"); // more points than there are buttons
  typed.value = points;
  typed.focus();
}

document.addEventListener("submit", (event) => {
  const card = event.target.closest(".card");
  if (event.target.matches(".marks")) {
    event.preventDefault();
    mark(card, event.submitter);
  } else if (event.target === undo.form) {
    event.preventDefault();
    takeBack();
  } else if (event.target.id === "names") {
    event.preventDefault();
    showNames(event.target);
  }
});

document.addEventListener("focusin", (event) => {
  const card = event.target.closest(".card");
  if (card) current = card.id;
});

const actions = {
  j: () => step(1),
  ArrowDown: () => step(1),
  k: () => step(-1),
  ArrowUp: () => step(-1),
  c: () => here().querySelector("textarea").focus(),
  h: () => {
    half = !half;
    said.textContent = half ? document.body.dataset.half : "";
  },
  u: () => { if (!undo.disabled) takeBack(); },
  n: () => document.getElementById("names").requestSubmit(),
};

document.addEventListener("keydown", (event) => {
  const card = event.target.closest(".card");
  if (event.target.matches("textarea, input:not([type=checkbox])")) {
    if (event.key === "Escape") go(card);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey || event.target.name === "typed")) {
      event.preventDefault();
      mark(card, card.querySelector(".save"));
    }
    return;
  }
  if (!keys.checked || event.ctrlKey || event.metaKey || event.altKey || !cards().length) return;
  // On keyboards of other scripts the key itself says which one is meant.
  const key = event.key in actions || /^[0-9]$/.test(event.key) ? event.key : event.code.replace(/^Key/, "").toLowerCase();
  if (/^[0-9]$/.test(key)) digit(Number(key));
  else if (key in actions) actions[key]();
  else return;
  event.preventDefault();
});

const start = document.getElementById(location.hash.slice(1)) || document.querySelector(".card.waits") || cards()[0];
if (start) go(start);
