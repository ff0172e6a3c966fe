// What a page shows where there is nothing to show: loading, empty, failed.
import type { ReactNode } from 'react';
import type { CombinedError } from '@urql/core';
import { Icon, type IconName } from './Icon.tsx';

/** Space for content that is loading, as tall as the content will be, so that nothing jumps. */
export function Skeleton({ lines = 1, height }: { lines?: number; height?: number }) {
  return (
    <div aria-hidden="true" className="skeletons">
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} className="skeleton" style={height ? { height } : undefined} />
      ))}
    </div>
  );
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children && <div className="empty-text">{children}</div>}
    </div>
  );
}

/** What an error says to people: the server's own sentence, which tells what to do. */
export function messageOf(error: CombinedError): string {
  if (error.networkError) return 'The server cannot be reached. It is asked again once the connection is back.';
  return error.graphQLErrors.map(({ message }) => message).join(' ');
}

export function Failure({ error, retry }: { error: CombinedError; retry?: () => void }) {
  return (
    <div className="failure" role="alert">
      <Icon name="warn" />
      <p>{messageOf(error)}</p>
      {retry && <button type="button" className="button" onClick={retry}>Try again</button>}
    </div>
  );
}
