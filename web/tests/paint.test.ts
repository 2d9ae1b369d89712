import { Terminal } from '@xterm/headless';
import { describe, expect, it } from 'vitest';
import { palette, runs } from '../src/lib/players/paint';

async function first(text: string, cursor = false) {
  const terminal = new Terminal({ cols: 40, rows: 3, allowProposedApi: true });
  await new Promise<void>((done) => terminal.write(text, done));
  return runs(terminal, 0, cursor);
}

describe('paint', () => {
  it('joins cells that look alike and drops the blanks at the end', async () => {
    expect(await first('plain text')).toEqual([{ text: 'plain text', look: '', ink: '', paper: '' }]);
    expect(await first('')).toEqual([]);
  });

  it('says attributes and the palette of 16 by classes', async () => {
    const row = await first('\x1b[1;4;31;42mx\x1b[0m\x1b[7;9;3;2my\x1b[0m');
    expect(row.map((r) => [r.text, r.look])).toEqual([
      ['x', 'bold under f1 b2'],
      ['y', 'dim italic struck inverse'],
    ]);
  });

  it('says other colours as CSS values', async () => {
    const row = await first('\x1b[38;5;196;48;2;1;2;3mz');
    expect(row[0]).toEqual({ text: 'z', look: '', ink: '#ff0000', paper: '#010203' });
    expect([palette(15), palette(16), palette(231), palette(232), palette(255)]).toEqual([
      '',
      '#000000',
      '#ffffff',
      '#080808',
      '#eeeeee',
    ]);
  });

  it('gives a place of their own to characters that fonts draw at other widths', async () => {
    const row = await first('a日█b');
    expect(row.map((r) => [r.text, r.look])).toEqual([
      ['a', ''],
      ['日', 'wide'],
      ['█', 'boxed'],
      ['b', ''],
    ]);
  });

  it('shows the cursor, and hides what is invisible', async () => {
    const row = await first('ab', true);
    expect(row[1]).toMatchObject({ text: ' ', look: 'cursor' });
    expect((await first('\x1b[8msecret\x1b[0m!')).map((r) => r.text).join('')).toBe('      !');
  });

  it('hands markup on as text (security.md, abuse case 61)', async () => {
    const row = await first('<img src=x onerror=alert(1)>');
    expect(row).toEqual([{ text: '<img src=x onerror=alert(1)>', look: '', ink: '', paper: '' }]);
  });
});
