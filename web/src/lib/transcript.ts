/** What a recording says in words: what stood on its terminals, and what was typed. Knows nothing of the API. */
import type { LinePage, LineView, TypedPage } from './api/types';

export interface Transcript {
  /** Lines that hold `wanted`, of a part from `from_us` on. */
  lines(wanted: string, from_us: number): Promise<LinePage>;
  typed(from_us: number): Promise<TypedPage>;
}

/** All parts, one after the other, and where the next one begins; null at the end. */
export async function* parts<T>(
  read: (from_us: number) => Promise<{ lines: T[]; next_us: number | null }>,
): AsyncGenerator<{ lines: T[]; at_us: number | null }> {
  let from: number | null = 0;
  while (from !== null) {
    const part: { lines: T[]; next_us: number | null } = await read(from);
    from = part.next_us !== null && part.next_us > from ? part.next_us : null;
    yield { lines: part.lines, at_us: from };
  }
}

/** Lines as they stand in a file that was taken away: `moment TAB stream TAB text`, sorted within a block. */
export function written(lines: readonly LineView[]): string {
  return lines.map((l) => `${l.at_us}\t${l.stream}\t${l.text}`).join('\n');
}

/** Searches blocks of `written`, one for each part of the answer. */
export function offlineTranscript(blocks: readonly string[], typed: TypedPage): Transcript {
  return {
    async lines(wanted, from_us) {
      const place = Math.trunc(from_us); // of a block: nobody but this asks on
      const folded = wanted.toLowerCase();
      const found: LineView[] = [];
      for (const line of (blocks[place] ?? '').split('\n')) {
        const [at, stream, ...text] = line.split('\t');
        const said = text.join('\t');
        if (stream && said.toLowerCase().includes(folded))
          found.push({ at_us: Number(at), stream: Number(stream), text: said });
      }
      return { lines: found, next_us: place + 1 < blocks.length ? place + 1 : null };
    },
    typed: async () => typed,
  };
}
