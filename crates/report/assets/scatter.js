// Scatter plots of checkpoints on canvas. A plot is a <figure class="scatter"> with its data in a
// JSON element; crates/report/src/scatter.rs writes both.
//
// Points are stamped straight into an image, so that a frame costs a few tens of nanoseconds per
// point whatever its colour, and found through a grid, so that pointing costs the same for a
// thousand points and for a million.
"use strict";
(() => {
  const SIDE = 65535; // Coordinates run from 0 to this on the longer side.
  const UNKNOWN = 65535; // Accuracy code of a checkpoint without one.
  const REACH = 14; // A checkpoint is found within this many pixels of the pointer.
  const MOST_ZOOM = 100;
  const DASHES = [[], [7, 3], [2, 3]]; // in pixels, in turn

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  // Typed arrays of one view, with the run of every point, the order of drawing (late epochs
  // last, so on top) and the grid.
  function unpack(raw) {
    const places = new Uint16Array(bytes(raw.places));
    const epochs = new Uint32Array(bytes(raw.epochs));
    const accuracies = new Uint16Array(bytes(raw.accuracies));
    const count = epochs.length;
    const runOf = new Uint32Array(count);
    const starts = new Uint32Array(raw.lengths.length + 1);
    raw.lengths.forEach((length, run) => {
      starts[run + 1] = starts[run] + length;
      runOf.fill(run, starts[run], starts[run + 1]);
    });
    const order = Uint32Array.from(epochs.keys()).sort((a, b) => epochs[a] - epochs[b] || a - b);
    const bounds = [SIDE, SIDE, 0, 0];
    for (let i = 0; i < count; i++) {
      bounds[0] = Math.min(bounds[0], places[2 * i]);
      bounds[1] = Math.min(bounds[1], places[2 * i + 1]);
      bounds[2] = Math.max(bounds[2], places[2 * i]);
      bounds[3] = Math.max(bounds[3], places[2 * i + 1]);
    }
    const epochRange = count ? [epochs[order[0]], epochs[order[count - 1]]] : [0, 0];
    return { ...raw, places, epochs, accuracies, count, runOf, starts, order, bounds, epochRange,
      grid: makeGrid(places, count) };
  }

  // Points sorted by cell: those of cell c are items[first[c]] .. items[first[c + 1] - 1].
  function makeGrid(places, count) {
    const side = clamp(Math.ceil(Math.sqrt(count / 2)), 1, 512);
    const cell = (value) => Math.min(side - 1, Math.floor((value / (SIDE + 1)) * side));
    const first = new Uint32Array(side * side + 1);
    const cellOf = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      cellOf[i] = cell(places[2 * i + 1]) * side + cell(places[2 * i]);
      first[cellOf[i] + 1]++;
    }
    for (let c = 0; c < side * side; c++) first[c + 1] += first[c];
    const next = first.slice();
    const items = new Uint32Array(count);
    for (let i = 0; i < count; i++) items[next[cellOf[i]]++] = i;
    return { side, cell, first, items };
  }

  // The point nearest to (x, y) within a radius, all in data units; -1 if there is none.
  function nearest(view, x, y, radius) {
    const { side, cell, first, items } = view.grid;
    const clamped = (v) => cell(clamp(v, 0, SIDE));
    let best = -1;
    let bestSquare = radius * radius;
    for (let row = clamped(y - radius); row <= clamped(y + radius); row++) {
      for (let column = clamped(x - radius); column <= clamped(x + radius); column++) {
        const c = row * side + column;
        for (let k = first[c]; k < first[c + 1]; k++) {
          const i = items[k];
          const square = (view.places[2 * i] - x) ** 2 + (view.places[2 * i + 1] - y) ** 2;
          if (square <= bestSquare) [best, bestSquare] = [i, square];
        }
      }
    }
    return best;
  }

  // Offsets and coverage (0 to 255) of the pixels of a disc.
  function disc(radius) {
    const reach = Math.ceil(radius);
    const stamp = [];
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        const cover = clamp(radius + 0.5 - Math.hypot(dx, dy), 0, 1);
        if (cover > 0.02) stamp.push(dx, dy, Math.round(cover * 255));
      }
    }
    return Int16Array.from(stamp);
  }

  function start(figure) {
    const find = (name) => figure.querySelector(name);
    const data = JSON.parse(find("script").textContent);
    const stage = find(".stage");
    const [pointCanvas, overlayCanvas] = stage.querySelectorAll("canvas");
    const tooltip = find(".tooltip");
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const runColours = data.runColours.map(rgb);
    const rampColours = data.rampColours.map(rgb);
    const unpacked = new Map();

    let view; // the view shown
    let colours; // three bytes per point
    let background = [255, 255, 255];
    let ink = [0, 0, 0];
    let camera; // data units at the middle of the stage, pixels per data unit
    let fitted = 1; // pixels per data unit at which everything fits
    let hovered = -1;
    let size = { width: 0, height: 0, ratio: 1 };
    let frame = 0;
    let baseStale = true;

    const screen = (i) => [
      (view.places[2 * i] - camera.x) * camera.scale + size.width / 2,
      (camera.y - view.places[2 * i + 1]) * camera.scale + size.height / 2,
    ];
    const toData = (x, y) => [
      (x - size.width / 2) / camera.scale + camera.x,
      camera.y - (y - size.height / 2) / camera.scale,
    ];

    // Ends of the ramp that would vanish in the background are left out.
    function ramp(t) {
      const position = (dark.matches ? 0.18 + 0.82 * t : 0.94 * t) * (rampColours.length - 1);
      const low = Math.min(Math.floor(position), rampColours.length - 2);
      return mix(rampColours[low], rampColours[low + 1], position - low);
    }

    function mix(a, b, share) {
      return [0, 1, 2].map((c) => Math.round(a[c] + (b[c] - a[c]) * share));
    }

    function css(colour, alpha = 1) {
      return `rgb(${colour.join(" ")} / ${alpha})`;
    }

    // The colour of a run on this background.
    function shade(run) {
      return dark.matches ? mix(runColours[run], [255, 255, 255], 0.25) : runColours[run];
    }

    function recolour() {
      background = dark.matches ? [16, 18, 20] : [255, 255, 255];
      ink = dark.matches ? [230, 232, 235] : [28, 30, 33];
      const by = find(".colour").value;
      const [firstEpoch, lastEpoch] = view.epochRange;
      const span = Math.max(1, lastEpoch - firstEpoch);
      const light = runColours.map((_, run) => shade(run));
      colours = new Uint8ClampedArray(3 * view.count);
      for (let i = 0; i < view.count; i++) {
        const age = (view.epochs[i] - firstEpoch) / span;
        let colour = mix(background, ink, 0.35);
        if (by === "run") {
          colour = mix(light[view.runOf[i]], background, 0.6 * (1 - age));
        } else if (by === "epoch") {
          colour = ramp(age);
        } else if (view.accuracies[i] !== UNKNOWN) {
          colour = ramp(view.accuracies[i] / (UNKNOWN - 1));
        }
        colours.set(colour, 3 * i);
      }
      describeRamp(by);
      redraw(true);
    }

    function describeRamp(by) {
      const place = find(".ramp");
      if (by === "run") {
        place.textContent = view.lines
          ? "One colour per run; ring: first, number: last; faint is early, full is late."
          : "One colour per run; faint is early, full is late.";
        return;
      }
      const percent = (v) => `${(100 * v).toFixed(1)} %`;
      const ends = by === "epoch" ? view.epochRange.map((e) => `${position()} ${e}`)
        : view.accuracyRange && view.accuracyRange.map(percent);
      if (!ends) {
        place.textContent = "The accuracy of these checkpoints is not known.";
        return;
      }
      const bar = document.createElement("i");
      const stops = [...Array(12).keys()].map((k) => css(ramp(k / 11)));
      bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
      place.replaceChildren(ends[0], bar, ends[1]);
    }

    function fit() {
      const [left, bottom, right, top] = view.bounds;
      fitted = 0.94 * Math.min(
        size.width / Math.max(1, right - left),
        size.height / Math.max(1, top - bottom),
      );
      camera = { x: (left + right) / 2, y: (bottom + top) / 2, scale: fitted };
    }

    function reset() {
      fit();
      redraw(true);
    }

    function zoom(factor, x = size.width / 2, y = size.height / 2) {
      const before = toData(x, y);
      camera.scale = clamp(camera.scale * factor, fitted / 2, fitted * MOST_ZOOM);
      const after = toData(x, y);
      camera.x += before[0] - after[0];
      camera.y += before[1] - after[1];
      redraw(true);
    }

    function redraw(base) {
      baseStale ||= base;
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        if (!size.width || !size.height) return;
        if (baseStale) drawPoints();
        baseStale = false;
        drawOverlay();
        stage.dataset.zoom = (camera.scale / fitted).toFixed(3);
      });
    }

    function drawPoints() {
      const { ratio } = size;
      const context = pointCanvas.getContext("2d");
      const [width, height] = [pointCanvas.width, pointCanvas.height];
      const image = context.createImageData(width, height);
      const pixels = image.data;
      const [blank] = new Uint32Array(Uint8Array.of(...background, 255).buffer);
      new Uint32Array(pixels.buffer).fill(blank);
      const crowd = clamp(Math.sqrt(12500 / Math.max(1, view.count)), 0.45, view.lines ? 1.8 : 1.3);
      const room = clamp(Math.min(size.width, size.height) / 600, 0.6, 1);
      const radius = 1.9 * crowd * room * Math.min(2, (camera.scale / fitted) ** 0.35);
      const stamp = disc(radius * ratio);
      const margin = Math.ceil(radius * ratio) + 1;
      for (const i of view.order) {
        const x = Math.round(((view.places[2 * i] - camera.x) * camera.scale + size.width / 2) * ratio);
        const y = Math.round(((camera.y - view.places[2 * i + 1]) * camera.scale + size.height / 2) * ratio);
        if (x < -margin || y < -margin || x >= width + margin || y >= height + margin) continue;
        const r = colours[3 * i];
        const g = colours[3 * i + 1];
        const b = colours[3 * i + 2];
        for (let s = 0; s < stamp.length; s += 3) {
          const px = x + stamp[s];
          const py = y + stamp[s + 1];
          if (px < 0 || py < 0 || px >= width || py >= height) continue;
          const cover = stamp[s + 2] / 255;
          const p = 4 * (py * width + px);
          pixels[p] += (r - pixels[p]) * cover;
          pixels[p + 1] += (g - pixels[p + 1]) * cover;
          pixels[p + 2] += (b - pixels[p + 2]) * cover;
        }
      }
      context.putImageData(image, 0, 0);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      if (view.lines) drawTrails(context);
      drawMarks(context);
      context.fillStyle = css(ink, 0.6);
      context.font = "12px Helvetica, Arial, sans-serif";
      context.textAlign = "right";
      context.fillText(`${view.xLabel} →`, size.width - 10, size.height - 10);
      context.textAlign = "left";
      context.fillText(`↑ ${view.yLabel}`, 10, 20);
    }

    // A line along every run, dashed in turn where colours alone might not do, a ring where it
    // starts and the run's number where it ends.
    function drawTrails(context) {
      context.font = "600 12px Helvetica, Arial, sans-serif";
      context.textAlign = "left";
      view.lengths.forEach((length, run) => {
        if (!length) return;
        const [from, to] = [view.starts[run], view.starts[run + 1]];
        const colour = shade(run);
        context.strokeStyle = css(colour, 0.7);
        context.lineWidth = 1.2;
        context.setLineDash(view.lengths.length > 7 ? DASHES[run % DASHES.length] : []);
        context.beginPath();
        for (let i = from; i < to; i++) context.lineTo(...screen(i));
        context.stroke();
        context.setLineDash([]);
        context.fillStyle = css(background);
        context.lineWidth = 1.5;
        context.beginPath();
        context.arc(...screen(from), 4, 0, 2 * Math.PI);
        context.fill();
        context.stroke();
        if (view.lengths.length > 1) {
          const [x, y] = screen(to - 1);
          context.lineWidth = 3;
          context.strokeStyle = css(background);
          context.strokeText(run + 1, x + 6, y + 4);
          context.fillStyle = css(mix(colour, ink, 0.4));
          context.fillText(run + 1, x + 6, y + 4);
        }
      });
    }

    // A diamond around every checkpoint before which something happened.
    function drawMarks(context) {
      context.strokeStyle = css(ink);
      context.lineWidth = 1.5;
      for (const i of view.marked || []) {
        const [x, y] = screen(i);
        context.beginPath();
        for (const [dx, dy] of [[0, -7], [7, 0], [0, 7], [-7, 0]]) context.lineTo(x + dx, y + dy);
        context.closePath();
        context.stroke();
      }
    }

    function drawOverlay() {
      const context = overlayCanvas.getContext("2d");
      context.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
      context.clearRect(0, 0, size.width, size.height);
      tooltip.hidden = hovered < 0;
      if (hovered < 0) return;
      context.fillStyle = css(background, 0.72);
      context.fillRect(0, 0, size.width, size.height);
      const run = view.runOf[hovered];
      const [from, to] = [view.starts[run], view.starts[run + 1]];
      context.strokeStyle = css(ink, 0.55);
      context.lineWidth = 1;
      context.beginPath();
      for (let i = from; i < to; i++) context.lineTo(...screen(i));
      context.stroke();
      for (let i = from; i < to; i++) {
        context.fillStyle = css([...colours.subarray(3 * i, 3 * i + 3)]);
        context.beginPath();
        context.arc(...screen(i), 3, 0, 2 * Math.PI);
        context.fill();
      }
      context.strokeStyle = css(ink);
      context.lineWidth = 2;
      context.beginPath();
      context.arc(...screen(hovered), 6, 0, 2 * Math.PI);
      context.stroke();
      placeTooltip();
    }

    // What the epoch of a checkpoint counts.
    function position() {
      return view.position || "epoch";
    }

    function describe(i) {
      const code = view.accuracies[i];
      const lines = [view.runs[view.runOf[i]], `${position()} ${view.epochs[i]}`];
      if (view.names && view.names[i]) lines.splice(1, 0, view.names[i]);
      if (code !== UNKNOWN) {
        const [worst, best] = view.accuracyRange;
        const accuracy = worst + ((best - worst) * code) / (UNKNOWN - 1);
        lines.push(`test accuracy ${(100 * accuracy).toFixed(1)} %`);
      }
      return lines;
    }

    function placeTooltip() {
      tooltip.textContent = describe(hovered).join("\n");
      const [x, y] = screen(hovered);
      const { offsetWidth: width, offsetHeight: height } = tooltip;
      const left = x + 14 + width > size.width ? x - 14 - width : x + 14;
      const top = y - 14 - height < 0 ? y + 14 : y - 14 - height;
      const place = [clamp(left, 0, size.width - width), clamp(top, 0, size.height - height)];
      tooltip.style.transform = `translate(${place[0]}px, ${place[1]}px)`;
    }

    function hover(i) {
      if (i === hovered) return;
      hovered = i;
      redraw(false);
    }

    function hoverAt(x, y) {
      hover(nearest(view, ...toData(x, y), REACH / camera.scale));
    }

    // Moves to another checkpoint by keyboard, brings it into sight and says it.
    function select(i) {
      hover(i);
      const [x, y] = screen(i);
      if (x < 0 || y < 0 || x > size.width || y > size.height) {
        [camera.x, camera.y] = [view.places[2 * i], view.places[2 * i + 1]];
        redraw(true);
      }
      find(".status").textContent = describe(i).join(", ");
    }

    // The checkpoint of another run, skipping empty runs, that is as far along as this one.
    function otherRun(step) {
      const { starts, lengths } = view;
      let run = view.runOf[hovered];
      const along = hovered - starts[run];
      do run = (run + step + lengths.length) % lengths.length; while (!lengths[run]);
      return starts[run] + Math.min(along, lengths[run] - 1);
    }

    function show(index) {
      if (!data.views[index]) return;
      if (!unpacked.has(index)) unpacked.set(index, unpack(data.views[index]));
      view = unpacked.get(index);
      hovered = -1;
      fit();
      recolour();
    }

    function resize() {
      const [width, height] = [stage.clientWidth, stage.clientHeight];
      size = { width, height, ratio: Math.min(3, devicePixelRatio || 1) };
      for (const canvas of [pointCanvas, overlayCanvas]) {
        canvas.width = Math.round(width * size.ratio);
        canvas.height = Math.round(height * size.ratio);
      }
      const kept = camera && { ...camera, zoom: camera.scale / fitted };
      fit();
      if (kept && Number.isFinite(kept.zoom)) {
        camera = { x: kept.x, y: kept.y, scale: fitted * kept.zoom };
      }
      redraw(true);
    }

    const inside = (event) => {
      const box = stage.getBoundingClientRect();
      return [event.clientX - box.left - stage.clientLeft, event.clientY - box.top - stage.clientTop];
    };

    // One pointer drags, two pinch; the positions of all that are down.
    const down = new Map();
    stage.addEventListener("pointerdown", (event) => {
      stage.setPointerCapture(event.pointerId);
      down.set(event.pointerId, inside(event));
      stage.classList.add("dragging");
      if (event.pointerType === "touch") hoverAt(...inside(event));
    });
    stage.addEventListener("pointermove", (event) => {
      const [x, y] = inside(event);
      const old = down.get(event.pointerId);
      if (!old) {
        hoverAt(x, y);
        return;
      }
      down.set(event.pointerId, [x, y]);
      const other = [...down].find(([id]) => id !== event.pointerId);
      if (other) {
        const [ox, oy] = other[1];
        const factor = Math.hypot(x - ox, y - oy) / Math.max(1, Math.hypot(old[0] - ox, old[1] - oy));
        zoom(factor, (x + ox) / 2, (y + oy) / 2);
      } else {
        camera.x -= (x - old[0]) / camera.scale;
        camera.y += (y - old[1]) / camera.scale;
        redraw(true);
      }
    });
    for (const name of ["pointerup", "pointercancel"]) {
      stage.addEventListener(name, (event) => {
        down.delete(event.pointerId);
        if (!down.size) stage.classList.remove("dragging");
      });
    }
    stage.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") hover(-1);
    });
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
      zoom(Math.exp(clamp(-pixels, -300, 300) * 0.0018), ...inside(event));
    }, { passive: false });
    stage.addEventListener("dblclick", reset);

    const keys = {
      ArrowRight: () => select(Math.min(hovered + 1, view.starts[view.runOf[hovered] + 1] - 1)),
      ArrowLeft: () => select(Math.max(hovered - 1, view.starts[view.runOf[hovered]])),
      ArrowDown: () => select(otherRun(1)),
      ArrowUp: () => select(otherRun(-1)),
      "+": () => zoom(1.5, ...(hovered < 0 ? [] : screen(hovered))),
      "-": () => zoom(1 / 1.5, ...(hovered < 0 ? [] : screen(hovered))),
      0: reset,
      Escape: () => hover(-1),
    };
    keys["="] = keys["+"];
    stage.addEventListener("keydown", (event) => {
      const act = keys[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey || !view.count) return;
      event.preventDefault();
      if (event.key.startsWith("Arrow") && hovered < 0) select(0);
      else act();
    });

    find(".view").addEventListener("change", (event) => show(Number(event.target.value)));
    find(".colour").addEventListener("change", recolour);
    find(".zoom-in").addEventListener("click", () => zoom(1.5));
    find(".zoom-out").addEventListener("click", () => zoom(1 / 1.5));
    find(".reset").addEventListener("click", reset);
    dark.addEventListener("change", recolour);

    // Where a checkpoint is on the screen, for scripts and tests; null if it does not exist.
    figure.locate = (run, epoch) => {
      for (let i = view.starts[run]; i < view.starts[run + 1]; i++) {
        if (view.epochs[i] === epoch) {
          const box = stage.getBoundingClientRect();
          const [x, y] = screen(i);
          return [x + box.left + stage.clientLeft, y + box.top + stage.clientTop];
        }
      }
      return null;
    };

    if (!data.views.length) return;
    show(0);
    new ResizeObserver(resize).observe(stage);
  }

  document.querySelectorAll(".scatter").forEach(start);
})();
