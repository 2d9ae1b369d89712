import { describe, expect, it } from 'vitest';
import { Search } from '../src/lib/search.svelte';

describe('a search', () => {
  it('reads on, and reads again, in what was asked for, whatever stands in the form since', async () => {
    const form = { person: 'vera' };
    const asked: object[] = [];
    const search = new Search(
      () => ({ ...form }),
      async (query: { person: string; cursor?: number }) => {
        asked.push(query);
        return [[`${query.person} ${query.cursor ?? 0}`], 7];
      },
    );
    await search.find();
    form.person = 'ad'; // half of a name
    await search.more();
    expect(search.found).toEqual(['vera 0', 'vera 7']);
    await search.again();
    expect(search.found).toEqual(['vera 0']);
    await search.find();
    expect(search.found).toEqual(['ad 0']);
    expect(asked).toHaveLength(4);
  });
});
