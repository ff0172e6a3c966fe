import { createRoot } from 'react-dom/client';
import './styles/base.css';
import './styles/layout.css';
import './styles/runs.css';
import './styles/run.css';
import './styles/charts.css';
import './styles/pages.css';
import { App } from './app.tsx';
import { listenToBrowser } from './connection.ts';
import { takeOverScrolling } from './scroll.ts';
import { takeTokenFromAddress } from './session.ts';

takeTokenFromAddress();
takeOverScrolling();
listenToBrowser();
createRoot(document.getElementById('root')!).render(<App />);
