/** The page of one desktop: a document of its own, because its RDP client needs WebAssembly and nothing else here does. */
import './app.css';
import { mount } from 'svelte';
import DesktopPage from './screens/DesktopPage.svelte';

const place = document.getElementById('page');
if (place) mount(DesktopPage, { target: place });
