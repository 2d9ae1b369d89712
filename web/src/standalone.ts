/** The player in a file that was taken away: no server, no account, nothing from any network. */
import { mount } from 'svelte';
import css from './app.css?inline';
import { blocks, offlineReel, type Taken, unpacked } from './lib/offline';
import { type Rec, unframed } from './lib/players/records';
import Standalone from './screens/Standalone.svelte';

async function begin(): Promise<void> {
  const style = document.createElement('style');
  style.textContent = css;
  document.head.append(style);
  const { about, records } = blocks();
  const taken = JSON.parse(new TextDecoder().decode(await unpacked(about))) as Taken;
  const all: Rec[] = [];
  for (const piece of records) for (const record of unframed(await unpacked(piece))) all.push(record);
  const place = document.getElementById('page');
  if (place) mount(Standalone, { target: place, props: { taken, reel: offlineReel(taken.detail, all) } });
}

void begin();
