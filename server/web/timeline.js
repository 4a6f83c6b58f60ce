// timeline.js - one checkpoint from its trigger to its commit: a line for each subtask, what it waited
// for and what it did, and the chain of waiting that made it last that long.
import {h, s, show, num, span, bytes, count, time, pill, figures, fault, nothing, DASH} from './dom.js';

const phases = [['wait', 'no barrier yet'], ['align', 'aligning: inputs that had theirs wait'],
	['freeze', 'stopped: state frozen'], ['slices', 'rows handed over, between records'],
	['write', 'compressed and written'], ['prepare', 'output files written'], ['ack', 'told']];
const ends = [['part', 'the part\'s end', 'acked', 'packed'], ['sync', 'fsync', 'packed', 'sealed'],
	['publish', 'manifest published', 'sealed', 'linked'], ['commit', 'outputs committed', 'linked', 'committed']];
const ROW = 24, TOP = 22;

// A subtask's spans: [phase, from, to]. Instants of 0 did not happen.
function spansOf(t) {
	const list = [['wait', 0, num(t.first)], ['align', num(t.first), num(t.aligned)],
		['freeze', num(t.aligned), num(t.frozen)]];
	let at = num(t.frozen);
	for (const [phase, key] of [['slices', 'encoded'], ['write', 'packed'], ['prepare', 'prepared'],
		['ack', 'acked']])
		if (num(t[key]) >= at && num(t[key])) {
			list.push([phase, at, num(t[key])]);
			at = num(t[key]);
		}
	return list.filter(([, from, to]) => to >= from);
}

// The subtasks whose barriers were the last ones, from the last acknowledgement back to a source.
function chain(tasks) {
	let at = tasks.reduce((best, t, i) => num(t.acked) > num(tasks[best].acked) ? i : best, 0);
	const found = [];
	while (tasks[at] && !found.includes(at)) {
		found.unshift(at);
		at = tasks[at].last;
	}
	return found;
}

const total = t => Math.max(num(t.acked), num(t.packed), num(t.sealed), num(t.linked), num(t.committed), 1);

function ticks(whole, width) {
	const rough = whole / Math.max(2, width / 110), base = 10 ** Math.floor(Math.log10(rough));
	const step = base * [1, 2, 5, 10].find(n => base * n >= rough);
	const at = [];
	for (let us = 0; us <= whole; us += step)
		at.push(us);
	return at;
}

function picture(t, width, whole) {
	const left = Math.min(170, Math.max(86, width * .2)), inner = width - left - 12;
	const x = us => left + Math.min(num(us), whole) / whole * inner, on = new Set(chain(t.tasks));
	const high = TOP + (t.tasks.length + 1) * ROW + 6, most = Math.floor(left / 7.2);
	const bar = (phase, from, to, y, who) => from > whole ? null : s('rect', {class: 'p-' + phase,
		x: x(from).toFixed(1), y: y + 5, height: ROW - 10, rx: 2,
		width: Math.max(phase === 'wait' ? 0 : 1.6, x(to) - x(from)).toFixed(1)},
	s('title', null, `${who}: ${(phases.find(p => p[0] === phase) || ends.find(p => p[0] === phase))[1]}, ` +
		`${span(to - from)} (from ${span(from)} to ${span(to)})`));
	const rows = t.tasks.map((task, i) => {
		const who = `${task.stage}/${task.subtask}`, y = TOP + i * ROW;
		return s('g', {class: on.has(i) ? 'on-path' : ''},
			s('text', {x: left - 8, y: y + 16, 'text-anchor': 'end'},
				who.length > most ? who.slice(0, most - 1) + '…' : who),
			spansOf(task).map(([phase, from, to]) => bar(phase, from, to, y, who)));
	});
	const y = TOP + t.tasks.length * ROW;
	const links = t.tasks.map((task, i) => {
		const from = t.tasks[task.last];
		if (!from || !on.has(i) || num(task.aligned) > whole)
			return null;
		return s('path', {class: 'link', d: `M${x(from.frozen).toFixed(1)} ${TOP + task.last * ROW + ROW / 2}` +
			`L${x(task.aligned).toFixed(1)} ${TOP + i * ROW + ROW / 2}`});
	});
	return s('svg', {class: 'timeline', viewBox: `0 0 ${width} ${high}`, width, height: high, role: 'img',
		'aria-label': `the checkpoint's ${t.tasks.length} subtasks over ${span(whole)}`},
	ticks(whole, inner).map(us => s('g', {class: 'tick'}, s('path', {d: `M${x(us)} ${TOP - 4}V${high}`}),
		s('text', {x: x(us), y: 12, 'text-anchor': !us ? 'start' : x(us) > width - 30 ? 'end' : 'middle'}, span(us)))),
	rows, s('text', {x: left - 8, y: y + 16, 'text-anchor': 'end', class: 'strong'}, 'all'),
	ends.map(([phase, , from, to]) => num(t[to]) && bar(phase, num(t[from]), num(t[to]), y, 'all')), links);
}

const legend = () => h('p', {class: 'legend wrap'}, [...phases, ...ends].map(([phase, says]) =>
	h('span', {class: 'k-' + phase}, says)));

function pathTable(path, whole) {
	return h('table', null, h('thead', null, h('tr', null, h('th', {scope: 'col', class: 'n'}, 'Took'),
		h('th', {scope: 'col', class: 'wide'}, 'Of the whole'), h('th', {scope: 'col'}, 'What it waited for'))),
	h('tbody', null, path.map(p => {
		const us = num(p.to_us) - num(p.from_us);
		return h('tr', null, h('td', {class: 'n'}, span(us)), h('td', {class: 'wide'},
			h('progress', {max: whole, value: us, 'aria-label': 'of the whole'})), h('td', null, p.says || p.what));
	})));
}

export async function panel(root, job, ctx) {
	let said;
	try {
		said = await ctx.api(ctx.path('/checkpoints/' + encodeURIComponent(ctx.id)));
	} catch (e) {
		if (e.name === 'AbortError')
			throw e;
		show(root, h('p', null, h('a', {href: ctx.base + '/checkpoints'}, 'All checkpoints')), fault(e));
		return null;
	}
	const record = said.checkpoint || {}, t = said.timeline, path = said.path || [];
	const us = record.total_us !== undefined ? num(record.total_us)
		: record.total_ms !== undefined ? num(record.total_ms) * 1000 : t && total(t);
	const place = h('div', {class: 'scroll'});
	let close = false;
	const draw = () => {
		const width = Math.max(320, place.clientWidth);
		if (t)
			show(place, picture(t, width, close ? Math.max(num(t.acked), 1) * 1.02 : total(t)));
	};
	const zoom = h('button', {'aria-pressed': 'false', onclick: () => {
		close = !close;
		zoom.setAttribute('aria-pressed', close);
		zoom.textContent = close ? 'The whole' : 'Closer: until all have told';
		draw();
	}}, 'Closer: until all have told');
	const kind = record.kind || t && t.kind, why = record.trigger || t && t.trigger;
	const id = num(ctx.id), to = n => `${ctx.base}/checkpoints/${n}`;
	show(root, h('div', {class: 'row'}, h('a', {href: ctx.base + '/checkpoints'}, 'All checkpoints'),
		h('span', {class: 'grow'}), id > 1 && h('a', {href: to(id - 1), class: 'button'}, '‹ ' + (id - 1)),
		h('a', {href: to(id + 1), class: 'button'}, (id + 1) + ' ›')),
	h('div', {class: 'row'}, h('h1', null, `Checkpoint ${ctx.id}`), pill(record.state ||
		(t && !t.completed ? 'failed' : 'completed')), h('span', {class: 'quiet'},
		[kind, why && why !== kind && 'by ' + why, time(record.wall_us || t && t.wall_us)]
			.filter(Boolean).join(' · '))),
	record.error && h('div', {class: 'fault'}, record.error),
	figures([['Took', span(us)], ['Written', bytes(record.bytes_written)],
		['Keys changed', record.keys_changed === undefined ? DASH : count(record.keys_changed)],
		['Until its commit', t ? span(total(t)) : DASH]]),
	said.sentence && h('p', {class: 'sentence slow', id: 'sentence'}, said.sentence),
	t ? h('div', {class: 'card'}, h('div', {class: 'row'}, h('h2', null, 'Timeline, a line for each subtask'),
		h('span', {class: 'grow'}), zoom), place, legend())
		: nothing('Its timeline is no longer kept.'),
	path.length ? h('div', {class: 'card scroll'}, h('h2', null, 'What it waited for, one after the other'),
		pathTable(path, total(t || {committed: us}))) : null);
	draw();
	const sized = new ResizeObserver(draw);
	sized.observe(place);
	return {close: () => sized.disconnect()};
}
