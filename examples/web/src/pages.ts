// The app's paths. The server answers all of them with the one page (web/routes/example_page.py).
import type { IconName } from './ui/Icon.tsx';

export const runPath = (id: string): string => `/runs/${encodeURIComponent(id)}`;

/** Shown where other athletes share their runs. */
export const BOARD = { path: '/leaderboard', name: 'Board', icon: 'board' } as const;

export const NAVIGATION: readonly { path: string; name: string; icon: IconName }[] = [
  { path: '/', name: 'Runs', icon: 'runs' },
  { path: '/bests', name: 'Bests', icon: 'bests' },
  { path: '/training', name: 'Training', icon: 'training' },
  { path: '/shoes', name: 'Shoes', icon: 'shoes' },
  { path: '/upload', name: 'Upload', icon: 'upload' },
];
