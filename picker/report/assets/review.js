// Answers of a person about candidates: right, wrong, another class, or a particle that
// was missed. They are kept in the browser, under a name of the run, and saved as a file
// for `picker review`. A page sets window.pickerRun before it loads this; elements of the
// class "judged" with data-candidate get buttons and, where they have the focus, keys.
"use strict";

(() => {
  const run = window.pickerRun;
  const KEY = `picker-review:${run.method}:${run.run}`;
  const KEYS = { r: "right", w: "wrong", o: "other", u: null };
  const listeners = [];
  let memory = []; // Used where the browser keeps nothing.
  let isKept = true;

  const idOf = (candidate) =>
    [candidate.tomogram, candidate.particle,
      ...candidate.position.map((value) => (Math.round(value * 10) / 10 + 0).toFixed(1)),
    ].join("|");

  function answers() {
    if (!isKept) return memory;
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
      return Array.isArray(kept) ? kept : [];
    } catch {
      isKept = false;
      return memory;
    }
  }

  function keep(list) {
    memory = list;
    try {
      if (list.length) localStorage.setItem(KEY, JSON.stringify(list));
      else localStorage.removeItem(KEY);
    } catch {
      isKept = false;
    }
    changed();
  }

  // The verdict is right, wrong, other (with the other class), missed, or null to undo.
  function answer(candidate, verdict, other) {
    const id = idOf(candidate);
    const list = answers().filter((one) => idOf(one) !== id);
    if (verdict) {
      const { tomogram, particle, position, score } = candidate;
      list.push({ tomogram, particle, position, score: score ?? null, answer: verdict });
      if (verdict === "other") list[list.length - 1].other = other;
    }
    keep(list);
  }

  function of(candidate) {
    const id = idOf(candidate);
    return answers().find((one) => idOf(one) === id);
  }

  function changed() {
    showBar();
    document.querySelectorAll(".judged").forEach(show);
    listeners.forEach((listener) => listener());
  }

  // --- buttons and keys of what is judged

  const candidateOf = (element) => JSON.parse(element.dataset.candidate);

  function button(text, label, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.title = label;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", act);
    return made;
  }

  function decorate(element) {
    element.querySelector(":scope > .answers")?.remove();
    const box = document.createElement("div");
    box.className = "answers";
    const add = (key, text, label) => {
      const made = button(text, `${label} (${key})`, () => judge(element, key));
      made.dataset.verdict = KEYS[key] ?? "";
      box.append(made);
    };
    const { particle, score } = candidateOf(element);
    if (score !== null) {
      add("r", "✓", "right");
      add("w", "✗", "wrong");
      if (run.particles.length > 1) {
        add("o", "⇄", "another class");
        box.append(chooser(element, particle));
      }
    }
    add("u", "↶", "undo");
    element.append(box);
    if (!element.hasAttribute("tabindex")) element.tabIndex = 0;
    show(element);
  }

  function chooser(element, particle) {
    const choice = document.createElement("select");
    choice.hidden = true;
    choice.setAttribute("aria-label", "which class it is");
    choice.add(new Option("which class?", ""));
    for (const { name } of run.particles) {
      if (name !== particle) choice.add(new Option(name, name));
    }
    choice.addEventListener("change", () => {
      if (!choice.value) return;
      answer(candidateOf(element), "other", choice.value);
      element.focus();
    });
    return choice;
  }

  // Does what a key says to an element; returns whether the key says anything.
  function judge(element, key) {
    if (!(key in KEYS)) return false;
    const candidate = candidateOf(element);
    if (KEYS[key] !== "other") {
      if (candidate.score === null && KEYS[key]) return false;
      answer(candidate, KEYS[key]);
      return true;
    }
    const choice = element.querySelector(".answers select");
    if (!choice) return false;
    choice.hidden = false;
    choice.focus();
    return true;
  }

  function show(element) {
    const box = element.querySelector(":scope > .answers");
    if (!box) return;
    const found = of(candidateOf(element));
    if (found) element.dataset.answer = found.answer;
    else delete element.dataset.answer;
    for (const one of box.querySelectorAll("button")) {
      const verdict = one.dataset.verdict;
      if (verdict) one.setAttribute("aria-pressed", String(found?.answer === verdict));
      else one.disabled = !found;
    }
    const choice = box.querySelector("select");
    if (choice) {
      choice.value = found?.other ?? "";
      if (!choice.value && document.activeElement !== choice) choice.hidden = true;
      if (choice.value) choice.hidden = false;
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    const element = target.matches?.("select, input") ? null : target.closest?.(".judged");
    if (element && judge(element, event.key)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  });

  // --- the bar: how many answers there are, and the file that is saved

  let bar;

  function showBar() {
    if (!bar) return;
    const number = answers().length;
    bar.count.textContent = number === 1 ? "1 answer" : `${number} answers`;
    bar.save.disabled = bar.clear.disabled = !number;
    const told = Number(new URLSearchParams(location.hash.slice(1)).get("answers") ?? 0);
    bar.note.textContent = !isKept
      ? "This browser keeps no answers: save before you leave the page."
      : told > bar.first
        ? "This browser keeps the answers of each page apart: save on every page;" +
          " picker review takes several files."
        : "";
  }

  function makeBar() {
    const element = document.createElement("aside");
    element.className = "review-bar";
    element.setAttribute("aria-label", "answers");
    const count = document.createElement("span");
    count.setAttribute("role", "status");
    const save = button("Save", "save the answers as review.json", download);
    const clear = button("Clear", "forget all answers", () => {
      const number = answers().length;
      if (confirm(`Forget all ${number} answers of this run?`)) keep([]);
    });
    const note = document.createElement("span");
    note.className = "note";
    element.append(count, save, clear, note);
    document.body.append(element);
    bar = { count, save, clear, note, first: answers().length };
    showBar();
  }

  function saved() {
    const content = { picker_review: 1, method: run.method, run: run.run,
      answers: answers() };
    return JSON.stringify(content, null, 1) + "\n";
  }

  function download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([saved()], { type: "application/json" }));
    link.download = "review.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // A page that is opened from another one is told how many answers that one saw.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || link.download || link.protocol === "blob:") return;
    const number = answers().length;
    if (!number || (link.hash && !link.hash.includes("="))) return;
    const said = new URLSearchParams(link.hash.slice(1));
    said.set("answers", number);
    link.hash = said;
  });

  window.addEventListener("storage", (event) => {
    if (event.key === KEY || event.key === null) changed();
  });

  window.pickerReview = {
    answer, answers, of, decorate, judge,
    onChange: (listener) => listeners.push(listener),
  };

  document.addEventListener("DOMContentLoaded", () => {
    makeBar();
    document.querySelectorAll(".judged[data-candidate]").forEach(decorate);
  });
})();
