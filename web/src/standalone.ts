/** The player in a file that was taken away: no server, no account, nothing from any network. */
import { mount } from 'svelte';
import css from './app.css?inline';
import { blocks, offlineReel, type Taken, unpacked } from './lib/offline';
import { type Rec, unframed } from './lib/players/records';
import { offlineTranscript } from './lib/transcript';
import Standalone from './screens/Standalone.svelte';

async function begin(): Promise<void> {
  const style = document.createElement('style');
  style.textContent = css;
  document.head.append(style);
  const text = async (block: string) => new TextDecoder().decode(await unpacked(block));
  const taken = JSON.parse(await text(blocks('about')[0] ?? '')) as Taken;
  const all: Rec[] = [];
  for (const piece of blocks('records')) for (const record of unframed(await unpacked(piece))) all.push(record);
  const transcript = offlineTranscript(await Promise.all(blocks('lines').map(text)), taken.typed);
  const place = document.getElementById('page');
  const reel = offlineReel(taken.detail, all);
  if (place) mount(Standalone, { target: place, props: { taken, reel, transcript } });
}

void begin();
