// Three views of a tomogram, cut from one picture of its slices, with circles over them.
// Positions are [x, y, z] in Å, and 0 Å is the centre of the first voxel. The first axis
// of a view runs to the right, the second one upwards.
"use strict";

const VIEWS = [
  { name: "xy", right: 0, up: 1, across: 2 },
  { name: "xz", right: 0, up: 2, across: 1 },
  { name: "yz", right: 1, up: 2, across: 0 },
];
const AXES = "xyz";
const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  return made;
}

// A length of 1, 2 or 5 times a power of ten, at most `longest`.
function roundLength(longest) {
  const power = 10 ** Math.floor(Math.log10(longest));
  return power * [5, 2, 1].find((times) => times * power <= longest);
}

// Where a tomogram's voxels and slices lie.
class Grid {
  constructor(data) {
    Object.assign(this, data); // voxelSize, shape, step, pixels, columns, slab
  }

  // Length of an axis from the first voxel's centre to the last one's [Å].
  length(axis) {
    return (this.shape[axis] - 1) * this.voxelSize;
  }

  inside(axis, value) {
    return Math.min(Math.max(value, 0), this.length(axis));
  }

  // Which slice across an axis shows a position, and the middle of a slice [Å].
  slice(axis, value) {
    const index = Math.floor((value / this.voxelSize + 0.5) / this.step[axis]);
    return Math.min(Math.max(index, 0), this.pixels[axis] - 1);
  }

  middle(axis, slice) {
    const first = slice * this.step[axis];
    const last = Math.min(first + this.step[axis], this.shape[axis]) - 1;
    return ((first + last) / 2) * this.voxelSize;
  }

  // Draws a slice, one pixel a pixel, with its second axis upwards.
  draw(context, sprite, view, slice) {
    const [width, height, depth] = this.pixels;
    const corner = (z) => [(z % this.columns) * width, Math.floor(z / this.columns) * height];
    context.setTransform(1, 0, 0, 1, 0, 0);
    if (view.name === "xy") {
      context.drawImage(sprite, ...corner(slice), width, height, 0, 0, width, height);
      return;
    }
    for (let z = 0; z < depth; z++) {
      const [left, top] = corner(z);
      const row = depth - 1 - z;
      if (view.name === "xz") {
        const line = top + height - 1 - slice;
        context.drawImage(sprite, left, line, width, 1, 0, row, width, 1);
      } else {
        // A column, whose y runs upwards, becomes a line whose y runs to the right.
        context.setTransform(0, 1, -1, 0, height, row);
        context.drawImage(sprite, left + slice, top, 1, height, 0, 0, 1, height);
      }
    }
  }
}

// One view on the page: a picture, its circles, a scale bar and a slider.
class Pane {
  constructor(view, grid, sprite, act) {
    Object.assign(this, view, { view, grid, sprite, act });
    this.element = document.querySelector(`.pane[data-view=${view.name}]`);
    this.frame = this.element.querySelector(".frame");
    this.canvas = this.element.querySelector("canvas");
    this.circles = this.element.querySelector("svg");
    this.slider = this.element.querySelector("input");
    this.text = this.element.querySelector("output");
    this.small = document.createElement("canvas");
    this.small.width = grid.pixels[view.right];
    this.small.height = grid.pixels[view.up];
    const [width, height] = [grid.shape[view.right], grid.shape[view.up]];
    this.frame.style.aspectRatio = `${width} / ${height}`;
    this.element.style.setProperty("--aspect", width / height);
    this.circles.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.slider.max = grid.pixels[view.across] - 1;
    this.addBar(width);
    this.listen();
    new ResizeObserver(() => act.redraw()).observe(this.frame);
  }

  addBar(width) {
    const nm = (width * this.grid.voxelSize) / 10;
    const length = roundLength(nm / 4);
    const bar = this.element.querySelector(".bar");
    bar.style.width = `${(100 * length) / nm}%`;
    bar.textContent = `${length} nm`;
  }

  listen() {
    this.slider.addEventListener("input", () => {
      const slice = Number(this.slider.value);
      this.act.move(this.across, this.grid.middle(this.across, slice));
    });
    let turned = 0;
    this.frame.addEventListener("wheel", (event) => {
      if (event.ctrlKey) return; // zooms the page
      event.preventDefault();
      turned += event.deltaMode ? event.deltaY * 30 : event.deltaY;
      const steps = Math.trunc(turned / 30);
      turned -= steps * 30;
      if (steps) this.step(-Math.sign(steps));
    }, { passive: false });
    this.frame.addEventListener("click", (event) => {
      const index = event.target.dataset?.index;
      this.act.click(this, this.position(event), index === undefined ? null : index);
    });
    this.frame.addEventListener("pointermove", (event) => {
      this.act.hover(event.target.dataset?.index ?? null);
    });
    this.frame.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { right, up, grid } = this;
    const moves = {
      ArrowLeft: [right, -1], ArrowRight: [right, 1], ArrowDown: [up, -1], ArrowUp: [up, 1],
    };
    if (event.key in moves) {
      const [axis, sign] = moves[event.key];
      const length = sign * grid.step[axis] * grid.voxelSize;
      this.act.move(axis, this.act.at()[axis] + length);
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      this.step(event.key === "PageUp" ? 1 : -1);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  step(number) {
    const slice = this.grid.slice(this.across, this.act.at()[this.across]) + number;
    if (slice < 0 || slice >= this.grid.pixels[this.across]) return;
    this.act.move(this.across, this.grid.middle(this.across, slice));
  }

  // Where a click was [Å], on the plane that is shown.
  position(event) {
    const { grid, right, up } = this;
    const box = this.frame.getBoundingClientRect();
    const position = [...this.act.at()];
    const x = (event.clientX - box.left) / box.width;
    const y = 1 - (event.clientY - box.top) / box.height;
    position[right] = grid.inside(right, (x * grid.shape[right] - 0.5) * grid.voxelSize);
    position[up] = grid.inside(up, (y * grid.shape[up] - 0.5) * grid.voxelSize);
    return position.map((value) => Math.round(value * 10) / 10);
  }

  // Draws the slice through a position, and what the plane there cuts.
  draw(at, marks) {
    const { grid, right, up, across } = this;
    const slice = grid.slice(across, at[across]);
    this.slider.value = slice;
    const nm = `${AXES[across]} = ${(at[across] / 10).toFixed(1)} nm`;
    this.text.textContent = nm;
    this.slider.setAttribute("aria-valuetext", nm);
    this.drawSlice(slice);
    const pixel = grid.shape[right] / Math.max(this.frame.clientWidth, 1);
    const x = (value) => value / grid.voxelSize + 0.5;
    const y = (value) => grid.shape[up] - value / grid.voxelSize - 0.5;
    const made = [];
    const line = (x1, y1, x2, y2, name) =>
      made.push(svg("line", { x1, y1, x2, y2, class: name }));
    line(x(at[right]), 0, x(at[right]), grid.shape[up], "cross");
    line(0, y(at[up]), grid.shape[right], y(at[up]), "cross");
    if (up === 2) {
      for (const face of grid.slab) {
        const ends = [0, grid.length(right)].map((value) => {
          const place = [...at];
          place[right] = value;
          return y(face[0] + face[1] * place[0] + face[2] * place[1]);
        });
        line(0, ends[0], grid.shape[right], ends[1], "face");
      }
    }
    for (const mark of marks) {
      const away = mark.position[across] - at[across];
      if (Math.abs(away) >= mark.radius) continue;
      const [cx, cy] = [x(mark.position[right]), y(mark.position[up])];
      const radius = Math.sqrt(mark.radius ** 2 - away ** 2) / grid.voxelSize;
      // Otherwise the circle of a good pick would hide that of its particle.
      const r = radius + (mark.kind === "known" ? 3 * pixel : 0);
      const circle = svg("circle", { cx, cy, r, class: mark.kind, stroke: mark.color });
      if (mark.index !== undefined) {
        circle.dataset.index = mark.index;
        circle.append(svg("title", {}, mark.title));
      }
      made.push(circle);
      if (!mark.sign) continue;
      const at45 = mark.signAtEdge ? r * 0.7071 : 0;
      const size = 15 * pixel;
      made.push(svg("text", {
        x: cx + at45, y: cy - at45 + size * 0.35, "font-size": size, class: "sign",
        fill: mark.signAtEdge ? "#fff" : mark.color,
      }, mark.sign));
    }
    this.circles.replaceChildren(...made);
  }

  drawSlice(slice) {
    const { grid, right, up, canvas } = this;
    const scale = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.frame.clientWidth * scale));
    const height = Math.max(1, Math.round(this.frame.clientHeight * scale));
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    if (!this.sprite.naturalWidth) return;
    grid.draw(this.small.getContext("2d"), this.sprite, this.view, slice);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    // The last pixels may reach beyond the tomogram.
    const wide = (width * grid.pixels[right] * grid.step[right]) / grid.shape[right];
    const high = (height * grid.pixels[up] * grid.step[up]) / grid.shape[up];
    context.drawImage(this.small, 0, height - high, wide, high);
  }
}
