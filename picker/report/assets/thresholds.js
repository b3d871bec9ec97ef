// Each class's candidates and its threshold, and the setting that the thresholds are.
"use strict";

// Thresholds that were moved, of all pages of a run: they are for all tomograms.
class Thresholds {
  constructor(run) {
    this.key = `picker-thresholds:${run.method}:${run.run}`;
  }

  read() {
    try {
      const stored = JSON.parse(localStorage.getItem(this.key) ?? "{}");
      return stored && typeof stored === "object" ? stored : {};
    } catch {
      return {};
    }
  }

  write(name, value) {
    const stored = this.read();
    if (value === null) delete stored[name];
    else stored[name] = value;
    try {
      localStorage.setItem(this.key, JSON.stringify(stored));
    } catch {
      // Then they last as long as the page.
    }
  }
}

class ParticleClass {
  // `part` has its candidates, the best first: a threshold takes the first ones.
  constructor(part, particle, data, thresholds) {
    this.name = part.name;
    this.color = particle.color;
    this.radius = particle.radius;
    this.given = part.threshold;
    this.isSet = part.set !== null;
    this.left = part.left; // Candidates that are not on this page.
    this.hasTruth = part.known !== undefined;
    this.isPartial = data.partial;
    this.thresholds = thresholds;
    this.isShown = true;
    const three = (list, i) => list.slice(3 * i, 3 * i + 3);
    this.candidates = part.score.map((score, i) => ({
      tomogram: data.tomogram,
      particle: part.name,
      position: three(part.position, i),
      score,
      isRight: this.hasTruth ? part.right[i] === "1" : null,
    }));
    this.numKnown = part.numKnown; // Those that are drawn may be fewer.
    const known = part.known ?? [];
    this.known = Array.from({ length: known.length / 3 }, (_, i) => three(known, i));
    const stored = thresholds.read()[part.name];
    const isUsable = typeof stored === "number" && stored >= 0 && stored <= 1;
    this.threshold = isUsable ? stored : this.given;
  }

  get isMoved() {
    return this.threshold !== this.given;
  }

  set(threshold) {
    this.threshold = Math.min(Math.max(threshold, 0), 1);
    this.thresholds.write(this.name, this.isMoved ? this.threshold : null);
  }

  // Score and threshold are compared as float32, as picking does it.
  picks() {
    const threshold = Math.fround(this.threshold);
    let [low, high] = [0, this.candidates.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Math.fround(this.candidates[middle].score) >= threshold) low = middle + 1;
      else high = middle;
    }
    return this.candidates.slice(0, low);
  }

  told() {
    const picks = this.picks();
    const number = picks.length === 1 ? "1 pick" : `${picks.length} picks`;
    const isCut = this.left && picks.length === this.candidates.length;
    const parts = [isCut ? `at least ${number}: no more are on this page` : number];
    if (this.hasTruth) {
      const right = picks.filter((pick) => pick.isRight).length;
      const all = this.numKnown;
      if (this.isPartial) parts.push(`${right} of ${all} labels found`);
      else parts.push(`${right} right`, `${picks.length - right} wrong`, `${all - right} missed`);
    }
    return parts.join(" · ");
  }

  // Returns its line of the page; `show` keeps that up to date.
  row(changed) {
    const row = document.createElement("div");
    row.className = "class";
    row.style.setProperty("--color", this.color);
    const make = (name, values, ...children) => {
      const made = Object.assign(document.createElement(name), values);
      made.append(...children);
      return made;
    };
    const shown = make("input", { type: "checkbox", checked: true });
    const label = make("label", {}, shown, make("span", { className: "swatch" }),
      make("b", { textContent: this.name }));
    const range = { min: 0, max: 1, step: 0.01 };
    const slider = make("input", { type: "range", ...range });
    slider.setAttribute("aria-label", `threshold of ${this.name}`);
    const exact = make("input", { type: "number", ...range, step: "any" });
    exact.setAttribute("aria-label", `threshold of ${this.name}, in digits`);
    const back = make("button", { type: "button", textContent: "reset" });
    back.setAttribute("aria-label", `reset the threshold of ${this.name}`);
    const count = make("p", { className: "count" });
    row.append(label, slider, exact, back, count);
    const change = (act) => () => {
      act();
      changed();
    };
    shown.addEventListener("change", change(() => (this.isShown = shown.checked)));
    slider.addEventListener("input", change(() => this.set(slider.valueAsNumber)));
    exact.addEventListener("change", change(() => {
      if (Number.isFinite(exact.valueAsNumber)) this.set(exact.valueAsNumber);
    }));
    back.addEventListener("click", change(() => this.set(this.given)));
    this.show = () => {
      slider.value = this.threshold;
      if (document.activeElement !== exact) exact.value = this.threshold;
      back.hidden = !this.isMoved;
      count.textContent = this.told();
      slider.setAttribute("aria-valuetext", `${this.threshold}: ${count.textContent}`);
    };
    return row;
  }
}

// The lines of config.yaml that make these thresholds the run's.
function settingOf(classes) {
  const isWord = (name) =>
    /^[A-Za-z][A-Za-z0-9_-]*$/.test(name) &&
    !/^(y|n|yes|no|on|off|true|false|null|nan)$/i.test(name);
  const lines = classes
    .filter((one) => one.isMoved || one.isSet)
    .map(({ name, threshold }) => `${isWord(name) ? name : JSON.stringify(name)}: ${threshold}`);
  return `pick:\n  thresholds: {${lines.join(", ")}}`;
}
