// dom.js - elements, and numbers as people read them. Nothing that comes over the network ever
// becomes HTML: a text is a text node, whatever stands in it.

function fill(node, props, kids) {
	for (const [key, value] of Object.entries(props || {})) {
		if (value === null || value === undefined || value === false)
			continue;
		if (key.startsWith('on'))
			node.addEventListener(key.slice(2), value);
		else if (key === 'value')
			node.value = value;
		else
			node.setAttribute(key, value === true ? '' : value);
	}
	add(node, kids);
	return node;
}

export function add(node, kids) {
	for (const kid of kids.flat(9))
		if (kid !== null && kid !== undefined && kid !== false)
			node.append(kid instanceof Node ? kid : String(kid));
	return node;
}

// h('td', {class: 'n'}, text, other): an element; s(...): the same in SVG.
export const h = (tag, props, ...kids) => fill(document.createElement(tag), props, kids);
export const s = (tag, props, ...kids) =>
	fill(document.createElementNS('http://www.w3.org/2000/svg', tag), props, kids);

// What the node shows now instead of what it showed.
export function show(node, ...kids) {
	node.textContent = '';
	return add(node, kids);
}

// Only what differs is written: an unchanged cell costs no layout.
export function put(node, text) {
	text = String(text);
	if (node.textContent !== text)
		node.textContent = text;
	return node;
}

export function attr(node, key, value) {
	value = String(value);
	if (node.getAttribute(key) !== value)
		node.setAttribute(key, value);
}

// The list as the children of parent. A node stays as long as its key is in the list, so that one with
// the focus, or one that is being clicked, is not swapped for another; make(one, i) says how it looks.
export function keep(parent, list, key, make) {
	const old = new Map([...parent.children].map(node => [node.dataset.key, node]));
	const nodes = list.map((one, i) => {
		const now = make(one, i), name = now.dataset.key = String(key(one)), node = old.get(name);
		old.delete(name);
		if (node && !node.isEqualNode(now)) {
			for (const {name: which, value} of now.attributes)
				attr(node, which, value);
			node.replaceChildren(...now.childNodes);
		}
		return node || now;
	});
	const stay = new Set(nodes);
	for (const node of [...parent.children])
		if (!stay.has(node))
			node.remove();
	nodes.forEach((node, i) => {
		if (parent.children[i] !== node)
			parent.insertBefore(node, parent.children[i] || null);
	});
}

// ---- numbers ----

const whole = new Intl.NumberFormat('en-US', {maximumFractionDigits: 0});
export const DASH = '–';

// Numbers beyond 2^53 come as text.
export const num = n => n === null || n === undefined ? 0 : Number(n);
export const count = n => n === null || n === undefined ? DASH : whole.format(num(n));

function scaled(n, step, units, apart = ' ') {
	let at = 0;
	while (Math.abs(n) >= step && at < units.length - 1) {
		n /= step;
		at++;
	}
	const digits = at === 0 || Math.abs(n) >= 100 ? 0 : Math.abs(n) >= 10 ? 1 : 2;
	return n.toFixed(digits) + apart + units[at];
}

export const bytes = n => n === null || n === undefined ? DASH
	: scaled(num(n), 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB']);

export function short(n) {
	if (n === null || n === undefined || Number.isNaN(n))
		return DASH;
	if (Math.abs(n) < 10 && n % 1)
		return n.toFixed(1);
	return Math.abs(n) < 100000 ? whole.format(n) : scaled(n, 1000, ['', 'k', 'M', 'G', 'T']);
}

export const rate = n => n === null || n === undefined ? DASH : short(n) + '/s';

export function span(us) {
	if (us === null || us === undefined)
		return DASH;
	us = num(us);
	if (us < 60e6)
		return scaled(us, 1000, ['us', 'ms', 's']);
	const sec = Math.round(us / 1e6);
	const two = (a, b) => a + (b ? ' ' + b : '');
	if (sec < 3600)
		return two(Math.floor(sec / 60) + ' min', sec < 600 && sec % 60 ? sec % 60 + ' s' : '');
	if (sec < 86400)
		return two(Math.floor(sec / 3600) + ' h', Math.floor(sec % 3600 / 60) + ' min');
	return two(Math.floor(sec / 86400) + ' d', Math.floor(sec % 86400 / 3600) + ' h');
}

export const percent = part => Math.round(part * 100) + ' %';

// How long something lasts already, or is ago, on this machine's clock; the server's may differ a little.
export function lasted(wall_us) {
	const us = Math.max(0, Date.now() * 1000 - num(wall_us));
	return span(Math.floor(us / 1e6) * 1e6).replace(/^0 us/, '0 s').replace(/\.0+ s/, ' s');
}

export function ago(wall_us) {
	if (!wall_us)
		return DASH;
	const long = lasted(wall_us);
	return long === '0 s' ? 'now' : long + ' ago';
}

export const time = wall_us => wall_us
	? new Date(num(wall_us) / 1000).toLocaleString('sv-SE') : DASH;

// ---- small things that several views draw ----

// The colour of a state is a class; its word is always there too.
export const pill = state => h('span', {class: 'pill ' + state.toLowerCase()}, state.toLowerCase());

export function repill(node, state) {
	attr(node, 'class', 'pill ' + state.toLowerCase());
	put(node, state.toLowerCase());
}

// A line of the last minute, now at the right: update([[at_s, value], ...]) redraws it.
export function spark(width = 96, height = 22, label = 'records per second, the last minute') {
	const area = s('path', {class: 'area'}), line = s('path', {class: 'line'});
	const node = s('svg', {class: 'spark', viewBox: `0 0 ${width} ${height}`, width, height,
		role: 'img', 'aria-label': label}, area, line);
	node.update = values => {
		const most = Math.max(...values.map(v => v[1]), 1e-9), now = values.length && values[values.length - 1][0];
		const x = at => (width - (now - at) / 60 * width).toFixed(1);
		const at = values.map(([when, v]) => x(when) + ' ' + (height - 1.5 - v / most * (height - 4)).toFixed(1));
		attr(line, 'd', at.length > 1 ? 'M' + at.join('L') : '');
		attr(area, 'd', at.length > 1 ? `M${x(values[0][0])} ${height}L${at.join('L')}L${width} ${height}Z` : '');
	};
	return node;
}

// What a stretch without anything to show says, and what to do about it.
export const nothing = (...kids) => h('p', {class: 'nothing'}, ...kids);

export function fault(e) {
	return h('div', {class: 'fault', role: 'alert'},
		h('b', null, e.code || 'Error'), ' ', h('span', null, e.message || String(e)));
}

// A row of figures with names under them: figures([['records/s', node]]).
export const figures = list => h('dl', {class: 'figures'}, list.map(([name, ...what]) =>
	h('div', null, h('dt', null, name), h('dd', null, ...what))));
