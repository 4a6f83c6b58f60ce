// api.js - how the page asks its server: JSON, event streams and text that is followed, all by
// fetch with the token in a header. Why no EventSource and no cookie: what a browser never sends by
// itself, no other page can make it send.

const KEY = 'weir-token';
let token = '', asking = null, askToken = async () => null;

// The token may come with the address; it does not stay there.
export function begin(ask) {
	askToken = ask;
	const found = /^#token=([^&]+)(?:&(.*))?$/.exec(location.hash);
	try {
		token = sessionStorage.getItem(KEY) || '';
	} catch { /* no storage: it is asked for again after a reload */ }
	if (found) {
		keep(decodeURIComponent(found[1]));
		history.replaceState(null, '', location.pathname + (found[2] ? '#' + found[2] : ''));
	}
}

function keep(text) {
	token = text;
	try {
		sessionStorage.setItem(KEY, text);
	} catch { /* as above */ }
}

// What the server says about a request that failed: its one shape of errors.
export class Fault extends Error {
	constructor(status, said) {
		super(said.message || 'the server answered ' + status);
		Object.assign(this, {status, code: said.code, at: said.at, errors: said.errors,
			text: said.text});
	}
}

async function faultOf(answer) {
	const text = await answer.text();
	try {
		return new Fault(answer.status, JSON.parse(text));
	} catch {
		return new Fault(answer.status, {message: text.slice(0, 200)});
	}
}

// One question for a token at a time, however many requests were refused.
async function ask() {
	const old = token;
	asking = asking || askToken(!!old).finally(() => { asking = null; });
	const text = await asking;
	if (text)
		keep(text);
	return !!text;
}

async function send(path, o) {
	for (;;) {
		const headers = {Accept: o.accept || 'application/json'}, used = token;
		if (token)
			headers.Authorization = 'Bearer ' + token;
		if (o.method && o.method !== 'GET')
			headers['Content-Type'] = 'application/json';
		let answer;
		try {
			answer = await fetch(path, {method: o.method || 'GET', headers, body: o.body,
				signal: o.signal, cache: 'no-store'});
		} catch (e) {
			if (e.name === 'AbortError')
				throw e;
			throw new Fault(0, {code: 'no server', message: 'no server answers: is weir serve running?'});
		}
		if (answer.status === 401 && (used !== token || await ask()))
			continue;
		if (!answer.ok)
			throw await faultOf(answer);
		return answer;
	}
}

// {a: 1, b: null, c: ['x', 'y']} as ?a=1&c=x&c=y.
export function query(of) {
	const pairs = Object.entries(of || {}).flatMap(([k, v]) =>
		(Array.isArray(v) ? v : [v]).filter(one => one !== null && one !== undefined && one !== '')
			.map(one => k + '=' + encodeURIComponent(one)));
	return pairs.length ? '?' + pairs.join('&') : '';
}

export const jobPath = (name, rest = '') => '/v1/jobs/' + encodeURIComponent(name) + rest;

// options: method, body (text), query, signal. Returns the JSON; throws a Fault.
export async function api(path, options = {}) {
	const answer = await send(path + query(options.query), options);
	return answer.json();
}

// The same for what is plain text.
export const text = async (path, options = {}) =>
	(await send(path, {accept: 'text/plain', ...options})).text();

async function read(path, accept, signal, onText) {
	const answer = await send(path, {accept, signal});
	const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
	for (;;) {
		const {value, done} = await reader.read();
		if (done)
			return;
		onText(value);
	}
}

// Follows what never ends. While nobody looks at the page nothing is asked; what breaks off is taken
// up again. onState: 'live', 'lost' (with the Fault), 'over' (there is no more). Returns how to stop.
function follow(path, accept, begin, onState = () => {}) {
	let stopped = false, over = false, now = null, timer = 0, wait = 500;
	const stop = () => {
		clearTimeout(timer);
		if (now)
			now.abort();
		now = null;
	};
	const run = async () => {
		if (stopped || over || now || document.hidden)
			return;
		const mine = now = new AbortController(), onText = begin(() => { over = true; });
		let why = null;
		try {
			await read(path, accept, mine.signal, text => {
				wait = 500;
				onState('live');
				onText(text);
			});
		} catch (e) {
			why = e;
		}
		if (stopped || now !== mine)
			return;
		now = null;
		over = over || (why && why.status >= 400 && why.status < 500);
		onState(over ? 'over' : 'lost', why);
		if (!over)
			timer = setTimeout(run, wait = Math.min(wait * 2, 5000));
	};
	const look = () => document.hidden ? stop() : run();
	document.addEventListener('visibilitychange', look);
	run();
	return () => {
		stopped = true;
		document.removeEventListener('visibilitychange', look);
		stop();
	};
}

// onEvent(name, data, id) of each event. A `removed` event is the last.
export function stream(path, onEvent, onState) {
	return follow(path, 'text/event-stream', end => {
		let rest = '', name = '', data = [], id = '';
		return text => {
			const lines = (rest + text).split('\n');
			rest = lines.pop();
			for (const line of lines) {
				if (line.startsWith('event:'))
					name = line.slice(6).trim();
				else if (line.startsWith('data:'))
					data.push(line.slice(line[5] === ' ' ? 6 : 5));
				else if (line.startsWith('id:'))
					id = line.slice(3).trim();
				else if (line === '' && data.length) {
					if (name === 'removed')
						end();
					onEvent(name || 'message', JSON.parse(data.join('\n')), id);
					name = '';
					data = [];
				}
			}
		};
	}, onState);
}

// onText(text, fresh): plain text as it comes; fresh: it begins anew.
export function followText(path, onText, onState) {
	return follow(path, 'text/plain', () => {
		let fresh = true;
		return text => {
			onText(text, fresh);
			fresh = false;
		};
	}, onState);
}
