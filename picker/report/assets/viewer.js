// The page of one tomogram: slices, thresholds, and answers about its picks.
"use strict";

function pickerTomogram(data) {
  const run = window.pickerRun;
  const review = window.pickerReview;
  const grid = new Grid(data);
  const find = (selector) => document.querySelector(selector);

  const thresholds = new Thresholds(run);
  const classes = data.classes.map((part, i) =>
    new ParticleClass(part, run.particles[i], data, thresholds));
  const hasTruth = classes.some((one) => one.hasTruth);
  const everything = classes.flatMap((one) => one.candidates);
  everything.forEach((candidate, index) => Object.assign(candidate, { index }));
  const classOf = (candidate) => classes.find((one) => one.name === candidate.particle);

  const state = {
    at: grid.shape.map((n, axis) => grid.middle(axis, grid.slice(axis, grid.length(axis) / 2))),
    selected: null,
    isMarking: false,
    showKnown: true,
  };

  // --- what is drawn in the slices

  const SIGNS = { right: "✓", wrong: "✗", other: "⇄" };

  function marks() {
    const made = [];
    const answered = new Map();
    for (const one of review.answers()) {
      if (one.tomogram === data.tomogram) answered.set(idOf(one), one);
    }
    for (const one of classes) {
      if (!one.isShown) continue;
      const { color, radius } = one;
      if (state.showKnown) {
        for (const position of one.known) made.push({ kind: "known", position, radius, color });
      }
      for (const candidate of one.picks()) {
        made.push(markOf(candidate, one, answered.get(idOf(candidate))));
      }
    }
    state.missed = [...answered.values()].filter((one) => one.answer === "missed");
    state.missed.forEach((one, i) => {
      const { color, radius, isShown } = classOf(one) ?? {};
      if (!isShown) return;
      made.push({ kind: `missed${isSelected(one) ? " selected" : ""}`, color, radius,
        position: one.position, index: `m${i}`, sign: "+", title: `${one.particle}, missed` });
    });
    return made;
  }

  const idOf = (candidate) => `${candidate.particle}|${candidate.position}`;
  const isSelected = (candidate) => state.selected && idOf(state.selected) === idOf(candidate);

  function markOf(candidate, one, answer) {
    const isWrong = candidate.isRight === false && !data.partial;
    return {
      kind: `pick${isSelected(candidate) ? " selected" : ""}${isWrong ? " false" : ""}`,
      position: candidate.position,
      radius: one.radius,
      color: one.color,
      index: candidate.index,
      title: titleOf(candidate, isWrong),
      sign: answer ? SIGNS[answer.answer] : isWrong ? "×" : "",
      signAtEdge: Boolean(answer),
    };
  }

  function titleOf(candidate, isWrong) {
    const score = candidate.score === null ? "missed" : `score ${candidate.score.toFixed(3)}`;
    const truth = isWrong ? ", no known particle" : candidate.isRight ? ", a known particle" : "";
    return `${candidate.particle}, ${score}${truth}`;
  }

  let isWaiting = false;

  function redraw() {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      draw();
    });
  }

  function draw() {
    const all = marks();
    panes.forEach((pane) => pane.draw(state.at, all));
    classes.forEach((one) => one.show());
    find("#setting").textContent = settingOf(classes);
    find("#to-copy").hidden = !classes.some((one) => one.isMoved);
    find("#at").textContent = state.at.map((value) => (value / 10).toFixed(1)).join(", ") + " nm";
  }

  // --- moving, selecting, marking

  function move(axis, value) {
    state.at[axis] = grid.inside(axis, value);
    redraw();
  }

  function byIndex(index) {
    return index.startsWith("m") ? state.missed[Number(index.slice(1))] : everything[index];
  }

  function select(candidate) {
    state.selected = candidate;
    const panel = find("#selected");
    panel.hidden = !candidate;
    if (candidate) {
      state.at = candidate.position.map((value, axis) => grid.inside(axis, value));
      const { tomogram, particle, position, score } = candidate;
      panel.dataset.candidate = JSON.stringify({ tomogram, particle, position, score });
      const isWrong = candidate.isRight === false && !data.partial;
      panel.querySelector(".what").textContent = titleOf(candidate, isWrong);
      panel.setAttribute("aria-label", `selected: ${particle}`);
      review.decorate(panel);
    }
    redraw();
  }

  // From the pick of the lowest score on, as those are the doubtful ones.
  function selectNext(steps) {
    const shown = classes.filter((one) => one.isShown).flatMap((one) => one.picks());
    shown.sort((a, b) => a.score - b.score);
    if (!shown.length) return;
    const now = shown.indexOf(state.selected);
    const next = now < 0 ? (steps > 0 ? 0 : shown.length - 1) : now + steps;
    select(shown[(next + shown.length) % shown.length]);
  }

  function click(pane, position, index) {
    if (state.isMarking) {
      const one = classes[find("#missed select").value];
      const candidate = { tomogram: data.tomogram, particle: one.name, position, score: null };
      review.answer(candidate, "missed");
      select(candidate);
    } else if (index !== null) select(byIndex(index));
    else {
      state.at = position;
      redraw();
    }
  }

  function mark(isOn) {
    state.isMarking = isOn;
    document.body.classList.toggle("marking", isOn);
    find("#missed button").setAttribute("aria-pressed", String(isOn));
  }

  function hover(index) {
    const candidate = index === null ? null : byIndex(index);
    find("#hover").textContent = candidate ? titleOf(candidate) : "";
  }

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || find("dialog").open) return;
    if (event.target.matches?.("input, select, textarea")) return;
    const follow = (rel) => find(`a[rel=${rel}]`)?.click();
    const keys = {
      n: () => selectNext(1), p: () => selectNext(-1),
      m: () => mark(!state.isMarking),
      Escape: () => (state.isMarking ? mark(false) : select(null)),
      ".": () => panes[0].step(1), ",": () => panes[0].step(-1),
      "[": () => follow("prev"), "]": () => follow("next"),
      "?": () => find("dialog").showModal(),
    };
    if (event.key in keys) keys[event.key]();
    else if (!state.selected || !review.judge(find("#selected"), event.key)) return;
    event.preventDefault();
  }

  // A gallery's link says where one of its candidates is.
  function showAsked() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const place = asked.get("at")?.split(",").map(Number) ?? [];
    if (place.length !== 3 || !place.every(Number.isFinite)) return;
    const isAsked = ({ particle, position }) => particle === asked.get("particle") &&
      position.every((value, axis) => Math.abs(value - place[axis]) < 0.1);
    const found = everything.find(isAsked);
    if (found) select(found);
    else state.at = place.map((value, axis) => grid.inside(axis, value));
  }

  // --- begin

  const sprite = new Image();
  const isFlat = data.shape[2] === 1; // a micrograph
  document.body.classList.toggle("flat", isFlat);
  const panes = (isFlat ? VIEWS.slice(0, 1) : VIEWS).map((view) =>
    new Pane(view, grid, sprite, { move, click, hover, redraw, at: () => state.at }));
  for (const one of classes) {
    find("#classes").append(one.row(redraw));
    find("#missed select").add(new Option(one.name, classes.indexOf(one)));
  }
  const [, , thick] = data.step;
  const nm = (voxels) => ((voxels * data.voxelSize) / 10).toFixed(1);
  find("#step").textContent = isFlat
    ? `A pixel is ${data.step[0]}×${data.step[1]} of the image's (${nm(data.step[0])} nm).`
    : thick > 1
    ? `Each slice is the mean of ${thick} voxels along z (${nm(thick)} nm); a pixel is ` +
      `${data.step[0]}×${data.step[1]} voxels (${nm(data.step[0])} nm).`
    : `Every slice is shown; a voxel is ${nm(1)} nm.`;
  find("#known").hidden = !hasTruth;
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  const drawn = sum(classes.map((one) => one.known.length));
  const known = sum(classes.map((one) => one.numKnown ?? 0));
  if (drawn < known) {
    find("#known .soft").textContent =
      `dashed, ${known - drawn} of ${known} are not drawn, but counted`;
  }
  find("#known input").addEventListener("change", (event) => {
    state.showKnown = event.target.checked;
    redraw();
  });
  find("#contrast").addEventListener("input", (event) => {
    find("#panes").style.setProperty("--contrast", event.target.value);
  });
  find("#brightness").addEventListener("input", (event) => {
    find("#panes").style.setProperty("--brightness", event.target.value);
  });
  find("#missed button").addEventListener("click", () => mark(!state.isMarking));
  find("#next-pick").addEventListener("click", () => selectNext(1));
  find("#previous-pick").addEventListener("click", () => selectNext(-1));
  find("#help").addEventListener("click", () => find("dialog").showModal());
  find("#copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(settingOf(classes));
      find("#copy").textContent = "copied";
    } catch {
      getSelection().selectAllChildren(find("#setting"));
    }
    setTimeout(() => (find("#copy").textContent = "copy"), 2000);
  });
  document.addEventListener("keydown", key);
  review.onChange(() => {
    // A missed particle that is undone is nothing any more.
    const isGone = state.selected?.score === null && !review.of(state.selected);
    if (isGone) select(null);
    else redraw();
  });
  sprite.addEventListener("load", redraw);
  sprite.addEventListener("error", () => {
    find("#step").textContent = `${sprite.src} cannot be read; it belongs beside this page:` +
      " copy the whole folder of the report, or make the report again.";
  });
  sprite.src = `${encodeURIComponent(data.tomogram)}.webp`;
  showAsked();
  redraw();
}
