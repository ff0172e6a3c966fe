import './workers.js';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { useEffect, useRef, useState } from 'react';
import { createRoot } from 'react-dom/client';

import '@graphiql/react/font/roboto.css';
import '@graphiql/react/font/fira-code.css';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import '@graphiql/plugin-explorer/style.css';
import 'graphiql/graphiql.css';
import './main.css';

import { Account, Examples } from './Account.jsx';
import { EXAMPLES } from './examples.js';
import { createFetcher } from './fetcher.js';
import { fillTabs } from './fill.js';
import { Footer } from './Footer.jsx';
import { askViewer, authorizationIn, headersText, rememberedToken, rememberToken, takeTokenFromAddress } from './session.js';
import { changeStoredTabs, headersArePersisted, storage, withToken } from './stored.js';

const PLUGINS = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false })];

/** Brings ids and a token learned after the start into the open tabs. Renders nothing. */
function Tabs({ connect }) {
  const { tabs, activeTabIndex, variableEditor } = useGraphiQL(
    ({ tabs, activeTabIndex, variableEditor }) => ({ tabs, activeTabIndex, variableEditor }));
  const { storeTabs } = useGraphiQLActions();
  connect.current = {
    ...connect.current,
    fill(ids) {
      fillTabs(tabs, ids).forEach(({ variables }, index) => {
        if (variables === tabs[index].variables) return;
        // GraphiQL has no action that changes a tab in the background. It reads a tab's texts when the tab is
        // opened, so changing the object is enough.
        tabs[index].variables = variables;
        if (index === activeTabIndex) variableEditor?.setValue(variables);
      });
      storeTabs({ tabs, activeTabIndex });
    },
    useHeaders(headers) {
      tabs.forEach((tab, index) => {
        if (index !== activeTabIndex && authorizationIn(tab.headers) === null) tab.headers = headers;
      });
    },
  };
  return null;
}

function App({ firstViewer, firstToken }) {
  const [viewer, setViewer] = useState(firstViewer);
  const connect = useRef(null);
  const asked = useRef(firstToken && `Bearer ${firstToken}`);
  const timer = useRef(0);
  const [fetcher] = useState(() => createFetcher(({ data, extensions }) => {
    const jobId = data?.syncStrava?.job?.id;
    if (jobId) connect.current?.fill({ jobId });
    if (extensions?.cost) connect.current?.costed(extensions.cost);
  }));

  useEffect(() => () => clearTimeout(timer.current), []);

  const askAgain = async () => {
    const found = await askViewer(asked.current);
    if (!found) return null;
    setViewer(found);
    connect.current?.fill(found);
    return found;
  };

  // A token pasted into the headers of one tab serves all of them, and the next reload.
  const onEditHeaders = (text) => {
    clearTimeout(timer.current);
    const authorization = authorizationIn(text);
    if (!authorization || authorization === asked.current) return;
    timer.current = setTimeout(async () => {
      asked.current = authorization;
      const found = await askViewer(authorization);
      if (!found) return;
      setViewer(found);
      if (!found.signedIn) return;
      rememberToken(authorization.replace(/^Bearer\s+/i, ''));
      connect.current?.useHeaders(text);
      connect.current?.fill(found);
    }, 600);
  };

  return (
    <GraphiQL
      fetcher={fetcher}
      plugins={PLUGINS}
      storage={storage}
      defaultTabs={firstViewer ? fillTabs(EXAMPLES, firstViewer) : EXAMPLES}
      defaultQuery=""
      defaultHeaders={firstToken ? headersText(firstToken) : undefined}
      defaultEditorToolsVisibility="variables"
      shouldPersistHeaders={headersArePersisted()}
      showPersistHeadersSettings
      inputValueDeprecation
      schemaDescription
      onEditHeaders={onEditHeaders}
    >
      <GraphiQL.Logo>
        <Examples viewer={viewer} askAgain={askAgain} />
        <Account viewer={viewer} />
        <span className="wordmark">pacegraph</span>
      </GraphiQL.Logo>
      <GraphiQL.Footer>
        <Footer connect={connect} isAdmin={viewer?.isAdmin} />
      </GraphiQL.Footer>
      <Tabs connect={connect} />
    </GraphiQL>
  );
}

async function start() {
  const newToken = takeTokenFromAddress();
  if (newToken) changeStoredTabs(withToken(newToken));
  const token = newToken ?? rememberedToken();
  const viewer = await askViewer(token && `Bearer ${token}`);
  if (viewer) changeStoredTabs((tabs) => fillTabs(tabs, viewer));
  createRoot(document.getElementById('graphiql')).render(<App firstViewer={viewer} firstToken={token} />);
}

// A link with a token, opened in the tab that has the page already: the browser does not reload by itself.
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#token=')) location.reload();
});

start();
