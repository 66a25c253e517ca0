"use strict";
// The prior's density, kept on a grid: read between its points, and its contours.

/** ln p(z) of one model over the square [-limit, limit]^2. */
class Density {
  constructor({ grid, top, depth, values, levels, mode }, limit) {
    Object.assign(this, { grid, top, depth, levels, mode, limit });
    this.steps = numbers(values, Uint16Array);
  }

  /** The lowest value that the grid tells apart. */
  get bottom() {
    return this.top - this.depth;
  }

  /** ln p(z) at grid point (column, row), row 0 at the lowest z2. */
  at(column, row) {
    return this.bottom + (this.steps[row * this.grid + column] / 65535) * this.depth;
  }

  /** ln p(z), bilinear between grid points; the nearest edge's outside the square. */
  read(z1, z2) {
    const last = this.grid - 1;
    const place = (z) => Math.min(last, Math.max(0, ((z + this.limit) / (2 * this.limit)) * last));
    const x = place(z1),
      y = place(z2);
    const column = Math.min(last - 1, Math.floor(x)),
      row = Math.min(last - 1, Math.floor(y));
    const u = x - column,
      v = y - row;
    const below = (1 - u) * this.at(column, row) + u * this.at(column + 1, row);
    const above = (1 - u) * this.at(column, row + 1) + u * this.at(column + 1, row + 1);
    return (1 - v) * below + v * above;
  }

  /** The segments of all contours, found once. */
  get lines() {
    this.found ??= this.levels.flatMap(({ log_p: level }) => this.contour(level));
    return this.found;
  }

  /** The line {z : ln p(z) = level} as segments [x0, y0, x1, y1] in z (marching squares). */
  contour(level) {
    const { grid, limit } = this;
    const step = (2 * limit) / (grid - 1);
    const segments = [];
    const values = Float32Array.from(
      this.steps,
      (value) => this.bottom + (value / 65535) * this.depth - level,
    );
    for (let row = 0; row < grid - 1; row++) {
      for (let column = 0; column < grid - 1; column++) {
        const at = row * grid + column;
        const above =
          (values[at] >= 0) +
          (values[at + 1] >= 0) +
          (values[at + grid] >= 0) +
          (values[at + grid + 1] >= 0);
        if (above === 0 || above === 4) continue;
        const corners = [values[at], values[at + 1], values[at + grid + 1], values[at + grid]];
        const crossed = [];
        for (let side = 0; side < 4; side++) {
          const a = corners[side],
            b = corners[(side + 1) % 4];
          if (a >= 0 === b >= 0) continue;
          const [dx, dy] = SIDES[side](a / (a - b));
          crossed.push(-limit + (column + dx) * step, -limit + (row + dy) * step);
        }
        for (let i = 0; i + 3 < crossed.length; i += 4) segments.push(crossed.slice(i, i + 4));
      }
    }
    return segments;
  }
}

/** Where a share t of each side of the unit cell lies, in turn from the lower left corner. */
const SIDES = [(t) => [t, 0], (t) => [1, t], (t) => [1 - t, 1], (t) => [0, 1 - t]];
