// A new page begins at its top; going back finds the page where it was left.
import { useLayoutEffect } from 'react';

const left = new Map<string, number>();
let isGoingBack = false;

/** The app scrolls by itself from now on. */
export function takeOverScrolling(): void {
  history.scrollRestoration = 'manual';
  window.addEventListener('popstate', () => {
    isGoingBack = true;
  });
}

export function useScroll(path: string): void {
  useLayoutEffect(() => {
    window.scrollTo(0, isGoingBack ? left.get(path) ?? 0 : 0);
    isGoingBack = false;
    const note = () => left.set(path, window.scrollY);
    window.addEventListener('scroll', note, { passive: true });
    return () => window.removeEventListener('scroll', note);
  }, [path]);
}
