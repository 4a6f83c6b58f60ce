// app.js - the frame: which view stands in it, keys, theme, dialogs, and what is said at the bottom.
// A view is a module with `async function view(root, params, ctx)` that fills root and returns how
// to leave it. ctx: api, text, stream, followText (api.js); go(hash), say(text), confirm(...), signal.
import {api, text, stream, followText, begin} from './api.js';
import {h, show, put, fault, nothing} from './dom.js';

const routes = [
	[/^#\/jobs$/, 'jobs', []],
	[/^#\/jobs\/([^/]+)(?:\/([a-z]+)(?:\/([^/]+))?)?$/, 'job', ['name', 'tab', 'id']],
	[/^#\/submit$/, 'submit', []],
	[/^#\/step(?:\/([^/]+))?$/, 'step', ['id']],
];
const main = document.getElementById('main');
let leave = null, turn = 0, was = '';

// ---- what is said ----

export function say(text, bad = false) {
	const node = h('div', {class: bad ? 'say bad' : 'say'}, text);
	document.getElementById('says').append(node);
	setTimeout(() => node.remove(), bad ? 12000 : 5000);
}

// A dialog; resolves with what its form says, or null. fields: nodes with a name, or null.
export function dialog({title, text = [], fields = [], yes = 'OK', danger = false, no = 'Cancel'}) {
	return new Promise(resolve => {
		const node = h('dialog', {'aria-labelledby': 'dialog-title'},
			h('form', {method: 'dialog'},
				h('h2', {id: 'dialog-title'}, title),
				[text].flat().map(one => one instanceof Node ? one : h('p', null, one)),
				fields,
				h('div', {class: 'row end'},
					no && h('button', {value: '', formnovalidate: true}, no),
					h('button', {value: 'yes', class: danger ? 'danger' : 'main'}, yes))));
		node.addEventListener('close', () => {
			const said = Object.fromEntries(new FormData(node.firstChild));
			const agreed = node.returnValue === 'yes';
			node.remove();
			resolve(agreed ? said : null);
		});
		document.body.append(node);
		node.showModal();
		(node.querySelector('input, select, textarea') || node.querySelector('button.main, button[value=""]')
			|| node.querySelector('button')).focus();
	});
}

const askToken = async wrong => {
	const said = await dialog({title: wrong ? 'This token was refused' : 'A token, please',
		text: ['This server wants a token: the line in the file that its --token-file names. It is kept ' +
			'until this tab is closed.'],
		fields: [h('label', null, 'Token', h('input', {name: 'token', type: 'password', required: true,
			autocomplete: 'off', spellcheck: 'false'}))], yes: 'Go on'});
	return said && said.token.trim();
};

// ---- views ----

const go = hash => { location.hash = hash; };

async function route() {
	const mine = ++turn, hash = location.hash || '#/jobs';
	if (hash === '#main')
		return;
	const found = routes.map(([re, view, names]) => [re.exec(hash), view, names]).find(one => one[0]);
	for (const a of document.querySelectorAll('nav a'))
		if (hash.startsWith(a.getAttribute('href')))
			a.setAttribute('aria-current', 'page');
		else
			a.removeAttribute('aria-current');
	if (leave)
		leave();
	leave = null;
	const stop = new AbortController(), root = h('div', {class: 'view'});
	let over = () => {};
	leave = () => {
		stop.abort();
		over();
	};
	if (!found) {
		show(main, nothing('There is no such page. ', h('a', {href: '#/jobs'}, 'All jobs')));
		return;
	}
	const params = {};
	try {
		found[2].forEach((name, i) => {
			if (found[0][i + 1])
				params[name] = decodeURIComponent(found[0][i + 1]);
		});
		const view = await import(`./${found[1]}.js`);
		if (mine !== turn)
			return;
		document.title = (params.name ? params.name + ' · ' : '') + 'weir';
		show(main, root);
		if (was && was !== hash)
			main.focus({preventScroll: true});
		was = hash;
		const ask = of => (path, o) => of(path, {signal: stop.signal, ...o});
		const ctx = {api: ask(api), text: ask(text), stream, followText, go, say, dialog,
			signal: stop.signal};
		const ended = await view.view(root, params, ctx);
		over = ended || over;
		if (mine !== turn)
			over();
	} catch (e) {
		if (e.name !== 'AbortError' && mine === turn)
			show(main, fault(e));
	}
}

// ---- theme ----

function theme(next) {
	const dark = matchMedia('(prefers-color-scheme: dark)').matches;
	let set = null;
	try {
		set = localStorage.getItem('weir-theme');
		if (next) {
			set = (set || (dark ? 'dark' : 'light')) === 'dark' ? 'light' : 'dark';
			localStorage.setItem('weir-theme', set);
		}
	} catch { /* then it is what the system says */ }
	document.documentElement.dataset.theme = set || (dark ? 'dark' : 'light');
}

// ---- keys ----

const keys = [['j, k', 'the next row, the one before'], ['Enter', 'open it'],
	['1 to 8', 'the tabs of a job'], ['g j', 'all jobs'], ['g s', 'submit a job'],
	['g t', 'the step view'], ['t', 'dark or light'], ['/', 'the field to search in'],
	['u', 'up: from a checkpoint to its job, from a job to all'], ['Esc', 'close a dialog'],
	['?', 'this list']];

const help = () => dialog({title: 'Keys', no: null, yes: 'Close', text: [h('table', {class: 'keys'},
	h('tbody', null, keys.map(([key, does]) => h('tr', null,
		h('th', {scope: 'row'}, key.split(', ').map((one, i) => [i ? ', ' : '', h('kbd', null, one)])),
		h('td', null, does)))))]});

// Rows that can be opened have data-href; one of them has the focus.
function step(by) {
	const rows = [...main.querySelectorAll('[data-href]')].filter(r => r.offsetParent !== null);
	const at = rows.indexOf(document.activeElement.closest('[data-href]'));
	const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by];
	if (next) {
		next.focus();
		next.scrollIntoView({block: 'nearest'});
	}
}

function up() {
	const parts = location.hash.split('/');
	if (parts.length > 2)
		go(parts.slice(0, -1).join('/'));
}

let after = '';

function onKey(e) {
	const typing = e.target.closest('input, textarea, select, dialog');
	if (typing || e.ctrlKey || e.altKey || e.metaKey)
		return;
	const key = after + e.key;
	after = '';
	const row = e.target.closest('[data-href]');
	const does = {
		j: () => step(1), k: () => step(-1), t: () => theme(true), '?': help, u: up,
		gj: () => go('#/jobs'), gs: () => go('#/submit'), gt: () => go('#/step'),
		'/': () => main.querySelector('input')?.focus(),
	}[key];
	if (key === 'g')
		after = 'g';
	else if (does)
		does();
	else if (key === 'Enter' && row === e.target)
		go(row.dataset.href);
	else if (/^[1-9]$/.test(key) && main.querySelector('.tabs'))
		main.querySelectorAll('.tabs a')[key - 1]?.click();
	else
		return;
	e.preventDefault();
}

// ---- the server's line ----

async function about() {
	if (document.hidden)
		return;
	const node = document.getElementById('server');
	try {
		const said = await api('/v1');
		put(node, `${said.running} of ${said.jobs} running · ${said.weir}`);
		node.title = said.dir + ', pid ' + said.pid;
		node.classList.remove('lost');
	} catch (e) {
		put(node, e.status ? e.message : 'no server');
		node.classList.add('lost');
	}
}

theme(false);
begin(askToken);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => theme(false));
document.getElementById('theme').addEventListener('click', () => theme(true));
document.getElementById('help').addEventListener('click', help);
document.getElementById('skip').addEventListener('click', e => {
	e.preventDefault();
	main.focus();
});
document.addEventListener('keydown', onKey);
main.addEventListener('click', e => {
	const row = e.target.closest('[data-href]');
	if (row && !e.target.closest('a, button, input') && !String(getSelection()))
		go(row.dataset.href);
});
addEventListener('hashchange', route);
route();
about();
setInterval(about, 5000);
