// The app's paths. The server answers all of them with the one page (web/routes/example_page.py).
import type { IconName } from './ui/Icon.tsx';

export const runPath = (id: string): string => `/runs/${encodeURIComponent(id)}`;

export const NAVIGATION: readonly { path: string; name: string; icon: IconName }[] = [
  { path: '/', name: 'Runs', icon: 'runs' },
];
