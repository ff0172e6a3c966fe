// Drawn on a grid of 24, with lines of 1.8.
const PATHS = {
  runs: 'M3 17l5-6 4 4 4-9 5 8',
  bests: 'M8 4h8v5a4 4 0 0 1-8 0zM8 6H5a3 3 0 0 0 3 4M16 6h3a3 3 0 0 1-3 4M12 13v4M8.5 20h7M12 17a4 4 0 0 0-2 3M12 17a4 4 0 0 1 2 3',
  training: 'M5 20V12M10 20V5M15 20v-9M20 20V8',
  shoes: 'M3 16V9c1.5 1.5 3.5 1.5 4.5-1L9 6l5 6c1 1 6 1.500 7 4v2H4a1 1 0 0 1-1-1z',
  upload: 'M12 16V4M7 9l5-5 5 5M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3',
  board: 'M9 20V6h6v14M3 20v-8h6M15 10h6v10M2 20h20',
  settings: 'M4 7h9M19 7h1M4 17h1M11 17h9M16 4.500v5M8 14.500v5',
  sync: 'M20 11a8 8 0 0 0-14.500-4L3 9.500M3 4v5.500h5.500M4 13a8 8 0 0 0 14.500 4l2.500-2.500M21 20v-5.500h-5.500',
  back: 'M19 12H5M11 6l-6 6 6 6',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  warn: 'M12 4l9 16H3zM12 10v4.500M12 17.200v.1',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
