"use strict";
// A small line chart on a canvas.

/** Ticks at round steps within [low, high], about `count` of them. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-9; v += step)
    found.push(Math.abs(v) < 1e-9 ? 0 : v);
  return { found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

class Chart {
  /** Axes over the ranges `x` and `y`; `marks` are the places on the x axis that get a number. */
  constructor(context, canvas, { x, y, label, marks = [] }) {
    Object.assign(this, { context, x, y });
    const { clientWidth: width, clientHeight: height } = canvas;
    this.box = { left: 44, top: 22, right: width - 10, bottom: height - (marks.length ? 24 : 10) };
    const soft = `rgb(${colour("--soft")})`;
    context.font = "12px " + getComputedStyle(document.body).fontFamily;
    context.fillStyle = soft;
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.fillText(label, 4, 12);
    context.textAlign = "right";
    context.textBaseline = "middle";
    const { found, digits } = ticks(...y, 4);
    for (const value of found) {
      const [, at] = this.place([x[0], value]);
      context.fillStyle = soft;
      context.fillText(number(value, digits), this.box.left - 6, at);
      context.fillStyle = `rgb(${colour("--line")})`;
      context.fillRect(this.box.left, at, this.box.right - this.box.left, 1);
    }
    context.textAlign = "center";
    context.fillStyle = soft;
    for (const mark of marks)
      context.fillText(String(mark), this.place([mark, y[0]])[0], height - 8);
  }

  /** Data to CSS pixels. */
  place([x, y]) {
    const { left, right, top, bottom } = this.box;
    const share = (v, [low, high]) => (high > low ? (v - low) / (high - low) : 0.5);
    return [left + share(x, this.x) * (right - left), bottom - share(y, this.y) * (bottom - top)];
  }

  curve(points, style, width, dash = []) {
    const { context, box } = this;
    context.save();
    context.beginPath();
    context.rect(box.left, box.top - 4, box.right - box.left, box.bottom - box.top + 8);
    context.clip();
    context.setLineDash(dash);
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    points.forEach((point, i) =>
      i ? context.lineTo(...this.place(point)) : context.moveTo(...this.place(point)),
    );
    context.stroke();
    context.restore();
  }

  /** The area between two lines of points. */
  band(low, high, style) {
    const { context } = this;
    context.fillStyle = style;
    context.beginPath();
    [...low, ...[...high].reverse()].forEach((p, i) =>
      i ? context.lineTo(...this.place(p)) : context.moveTo(...this.place(p)),
    );
    context.fill();
  }

  dot(point, style) {
    this.context.fillStyle = style;
    this.context.beginPath();
    this.context.arc(...this.place(point), 5, 0, 2 * Math.PI);
    this.context.fill();
  }
}
