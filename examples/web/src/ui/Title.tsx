// A page's heading. It takes the focus when the page opens, so that readers and keys begin there.
import { useEffect, useLayoutEffect, useRef, type ReactNode } from 'react';

let pagesOpened = 0;

export function Title({ children, name }: { children: ReactNode; name: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${name} · pacegraph`;
  }, [name]);
  // Before the page is seen: later it would take the focus from what a quick user has already gone to.
  useLayoutEffect(() => {
    pagesOpened += 1;
    // The first page was opened by the browser, which has set the focus.
    if (pagesOpened > 1) heading.current?.focus({ preventScroll: true });
  }, []);
  return <h1 ref={heading} tabIndex={-1}>{children}</h1>;
}
