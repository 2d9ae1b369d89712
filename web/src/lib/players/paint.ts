/**
 * How: paints the viewport of a terminal as rows of spans. Styles are classes; colours outside the palette of 16 are
 * set through the CSSOM. Text goes into text nodes alone, so nothing that a target sends becomes markup.
 */

import type { IBufferCell, Terminal } from '@xterm/headless';

export interface Run {
  text: string;
  /** Class names, joined by a space; empty for plain text. */
  look: string;
  ink: string; // CSS colour, empty when a class says it
  paper: string;
}

/** Cells of one row, joined where they look alike; characters that a font may draw too wide stand alone. */
export function runs(terminal: Terminal, row: number, cursor: boolean): Run[] {
  const buffer = terminal.buffer.active;
  const line = buffer.getLine(buffer.viewportY + row);
  const found: Run[] = [];
  if (!line) return found;
  const cursorAt = cursor && buffer.baseY + buffer.cursorY === buffer.viewportY + row ? buffer.cursorX : -1;
  const cell = buffer.getNullCell();
  let last: Run | undefined;
  for (let x = 0; x < terminal.cols; x++) {
    line.getCell(x, cell);
    const width = cell.getWidth();
    if (width === 0) continue;
    const text = cell.isInvisible() ? ' ' : cell.getChars() || ' ';
    const alone = width === 2 ? 'wide' : boxed(text) ? 'boxed' : '';
    const look = classes(cell, x === cursorAt, alone);
    const [ink, paper] = colours(cell);
    if (last && !alone && last.look === look && last.ink === ink && last.paper === paper) last.text += text;
    else {
      last = { text, look, ink, paper };
      found.push(last);
    }
  }
  return trimmed(found);
}

/** Rows of a terminal inside `screen`. `paint()` touches only the rows whose content changed. */
export class Painter {
  readonly #screen: HTMLElement;
  #rows: HTMLElement[] = [];
  #shown: string[] = [];

  constructor(screen: HTMLElement) {
    this.#screen = screen;
  }

  /** Number of rows that were painted anew. */
  paint(terminal: Terminal, cursor: boolean): number {
    this.#fit(terminal.rows);
    let painted = 0;
    for (let y = 0; y < terminal.rows; y++) {
      const row = runs(terminal, y, cursor);
      const key = row.map((r) => `${r.look}\u0000${r.ink}\u0000${r.paper}\u0000${r.text}`).join('\u0001');
      if (key === this.#shown[y]) continue;
      this.#shown[y] = key;
      this.#rows[y]?.replaceChildren(...row.map(span));
      painted++;
    }
    return painted;
  }

  #fit(rows: number): void {
    while (this.#rows.length > rows) this.#rows.pop()?.remove();
    this.#shown.length = Math.min(this.#shown.length, rows);
    while (this.#rows.length < rows) {
      const row = document.createElement('div');
      row.className = 'row';
      this.#rows.push(row);
      this.#screen.append(row);
    }
  }
}

/** Where `words`, in lower case, stand in the rows of `screen`. */
export function found(screen: HTMLElement, words: string): Range[] {
  const ranges: Range[] = [];
  for (const row of screen.children) {
    const text = row.textContent ?? '';
    const folded = text.toLowerCase();
    if (folded.length !== text.length) continue; // a letter that gets longer: places would be false
    for (let at = folded.indexOf(words); at >= 0; at = folded.indexOf(words, at + words.length)) {
      const range = document.createRange();
      range.setStart(...placeOf(row, at));
      range.setEnd(...placeOf(row, at + words.length));
      ranges.push(range);
    }
  }
  return ranges;
}

/** The text node of `row` that holds its character `at`, and its place there. */
function placeOf(row: Element, at: number): [Node, number] {
  const walk = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
  let left = at;
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const length = node.textContent?.length ?? 0;
    if (left <= length) return [node, left];
    left -= length;
  }
  return [row, row.childNodes.length];
}

function span(run: Run): Node {
  if (!run.look && !run.ink && !run.paper) return document.createTextNode(run.text);
  const element = document.createElement('span');
  if (run.look) element.className = run.look;
  if (run.ink) element.style.setProperty('--ink', run.ink);
  if (run.paper) element.style.setProperty('--paper', run.paper);
  element.textContent = run.text;
  return element;
}

function boxed(text: string): boolean {
  return text.length > 1 || text.charCodeAt(0) > 0x24f;
}

function classes(cell: IBufferCell, cursor: boolean, alone: string): string {
  const names: string[] = [];
  if (cell.isBold()) names.push('bold');
  if (cell.isDim()) names.push('dim');
  if (cell.isItalic()) names.push('italic');
  if (cell.isUnderline()) names.push('under');
  if (cell.isStrikethrough()) names.push('struck');
  if (cell.isInverse()) names.push('inverse');
  if (cell.isFgPalette() && cell.getFgColor() < 16) names.push(`f${cell.getFgColor()}`);
  if (cell.isBgPalette() && cell.getBgColor() < 16) names.push(`b${cell.getBgColor()}`);
  if (cursor) names.push('cursor');
  if (alone) names.push(alone);
  return names.join(' ');
}

/** Ink and paper as CSS colours where no class has them. */
function colours(cell: IBufferCell): [string, string] {
  const ink = cell.isFgRGB() ? rgb(cell.getFgColor()) : cell.isFgPalette() ? palette(cell.getFgColor()) : '';
  const paper = cell.isBgRGB() ? rgb(cell.getBgColor()) : cell.isBgPalette() ? palette(cell.getBgColor()) : '';
  return [ink, paper];
}

function rgb(value: number): string {
  return `#${(value & 0xffffff).toString(16).padStart(6, '0')}`;
}

/** xterm's 256 colours; the first 16 are classes, empty here. */
export function palette(index: number): string {
  if (index < 16) return '';
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return rgb((grey << 16) | (grey << 8) | grey);
  }
  const level = (n: number) => (n === 0 ? 0 : 55 + n * 40);
  const i = index - 16;
  return rgb((level(Math.trunc(i / 36)) << 16) | (level(Math.trunc(i / 6) % 6) << 8) | level(i % 6));
}

/** Without the blanks at the end, which nobody sees. */
function trimmed(row: Run[]): Run[] {
  const last = row[row.length - 1];
  if (!last || last.look || last.paper) return row;
  last.text = last.text.trimEnd();
  if (!last.text) row.pop();
  return row;
}
