// step_picture.js - the picture of a step session, drawn from its JSON (docs/REST.md): a task is a box,
// a channel a lane before the box of who reads it, what is taken next at its right end; a batch a tile
// with its rows, a barrier a bar in the colour of its number.
import {h, s, count} from './dom.js';

const BOX = 158, HIGH = 84, LANE = 168, ROW = 26, ALONG = 34, GAP = 18, PAD = 6;
const cut = (text, n) => text.length > n ? text.slice(0, n - 1) + '…' : text;
const colour = id => 'cut' + id % 6;

// ---- where everything stands ----

function depths(stages) {
	const of = stages.map(() => 0);
	for (let again = true, i = 0; again && i < stages.length; i++) {
		again = false;
		stages.forEach((st, k) => {
			const d = Math.max(-1, ...st.inputs.map(j => of[j])) + 1;
			again = again || d !== of[k];
			of[k] = d;
		});
	}
	return of;
}

// Without a process the tasks are known by name only.
function tasksOf(now) {
	return now.tasks.length ? now.tasks : now.stages.flatMap((st, stage) =>
		Array.from({length: st.parallelism}, (_, k) => ({name: `${st.id}/${k}`, stage,
			ghost: now.events ? 'gone' : 'not begun'})));
}

function layout(now, tasks, width) {
	const depth = depths(now.stages), levels = Math.max(...depth) + 1;
	const lanes = tasks.map((_, i) => now.lanes.filter(l => l.to === i));
	const high = i => Math.max(HIGH, lanes[i].length * ROW);
	const wide = BOX + (levels - 1) * (ALONG + LANE + BOX);
	const stacked = wide > width * 1.4;
	const place = [], below = Array(levels).fill(0);
	let y = 0;
	tasks.forEach((t, i) => {
		const d = depth[t.stage];
		if (stacked) {
			place[i] = {x: LANE, y, high: high(i)};
			y += high(i) + GAP;
		} else {
			place[i] = {x: d * (ALONG + LANE + BOX), y: below[d], high: high(i)};
			below[d] += high(i) + GAP;
		}
	});
	const height = (stacked ? y : Math.max(...below)) - GAP;
	if (!stacked) // columns stand in the middle
		tasks.forEach((t, i) => { place[i].y += (height - below[depth[t.stage]] + GAP) / 2; });
	return {place, lanes, stacked, width: (stacked ? LANE + BOX : wide) + 2 * PAD, height: height + 2 * PAD};
}

// ---- a lane ----

function tile(item) {
	if (item.barrier)
		return {w: 19, cls: 'bar ' + colour(item.barrier), text: item.barrier, says: `barrier ${item.barrier}`};
	if (item.given_up)
		return {w: 19, cls: 'gone', text: item.given_up, says: `barrier ${item.given_up} was given up`};
	if (item.rows !== undefined)
		return {w: item.rows > 999 ? 34 : 27, cls: 'batch', text: item.rows, says: `a batch of ${item.rows} records`};
	return {w: 27, cls: 'mark', text: item.mark === 'end' ? 'end' : '·', says: item.mark};
}

function drawLane(lane, from, x, y) {
	const name = from ? from.name : '?', kids = [];
	let right = x + LANE - 6, shown = 0;
	const least = x + 66;
	for (const item of lane.items) {
		const t = tile(item), more = lane.items_all - shown - 1 > 0 ? 28 : 0;
		if (right - t.w < least + more)
			break;
		right -= t.w;
		kids.push(s('g', {class: 'tile ' + t.cls}, s('title', null, t.says),
			s('rect', {x: right, y: y + 4, width: t.w - 3, height: ROW - 8, rx: 3}),
			s('text', {x: right + (t.w - 3) / 2, y: y + 17, 'text-anchor': 'middle'}, t.text)));
		shown++;
	}
	if (shown < lane.items_all)
		kids.push(s('text', {x: right - 4, y: y + 17, class: 'quiet', 'text-anchor': 'end'},
			'+' + (lane.items_all - shown)));
	const says = lane.held ? `held: ${lane.held}` : lane.ended ? 'has ended' : 'flows';
	return s('g', {class: 'lane' + (lane.held ? ' held' : '') + (lane.ended ? ' ended' : ''),
		'data-lane': `${name}>${lane.to}`, 'data-held': lane.held ? '' : null},
	s('title', null, `from ${name}: ${says}`),
	s('rect', {class: 'road', x: x + 62, y: y + 2, width: LANE - 64, height: ROW - 4, rx: 4}),
	s('text', {x: x + 58, y: y + 17, class: 'from', 'text-anchor': 'end'}, cut(name, 9)), kids,
	lane.held && s('path', {class: 'gate', d: `M${x + LANE - 1} ${y + 1}v${ROW - 2}`}));
}

// ---- a task ----

function line(t) {
	if (t.ghost)
		return t.ghost;
	if (t.aligning)
		return `aligning barrier ${t.aligning}`;
	return t.preparing ? 'empties what it holds' : t.slicing ? 'hands over frozen rows' : t.phase;
}

function drawTask(t, p) {
	const y = p.y + (p.high - HIGH) / 2, dirty = t.keys ? t.changed / t.keys : 0;
	const text = (dx, dy, cls, what, more) => s('text', {x: p.x + dx, y: y + dy, class: cls, ...more}, what);
	return s('g', {class: 'task' + (t.ghost ? ' ghost' : '') + (t.aligning ? ' aligns' : ''), 'data-task': t.name},
		s('title', null, `${t.name}: ${line(t)}`),
		s('rect', {class: 'box', x: p.x, y, width: BOX, height: HIGH, rx: 8}),
		text(10, 19, 'id', cut(t.name, 20)), text(10, 35, 'quiet', cut(line(t), 26)),
		!t.ghost && text(10, 53, null, `${count(t.records_in)} in, ${count(t.records_out)} out` +
			(t.in_hand ? `, ${t.in_hand} in hand` : '')),
		t.keys !== null && t.keys !== undefined && [
			text(10, 70, null, `${count(t.keys)} keys, ${count(t.changed)} changed`),
			s('rect', {class: 'clean', x: p.x + 10, y: y + 74, width: BOX - 20, height: 4, rx: 2}),
			s('rect', {class: 'dirty', x: p.x + 10, y: y + 74, width: (BOX - 20) * dirty, height: 4, rx: 2})],
		t.part && t.part !== 'none' && s('rect', {class: 'part ' + t.part, x: p.x + BOX - 20, y: y + 8, width: 12,
			height: 12, rx: 3}));
}

// width: what there is, in pixels.
export function picture(now, width) {
	const tasks = tasksOf(now), l = layout(now, tasks, width), kids = [];
	tasks.forEach((t, i) => {
		const p = l.place[i], mine = l.lanes[i];
		const top = p.y + (p.high - mine.length * ROW) / 2;
		mine.forEach((lane, k) => {
			const from = l.place[lane.from], x = p.x - LANE, y = top + k * ROW + ROW / 2;
			if (from && !l.stacked) {
				const x0 = from.x + BOX, y0 = from.y + from.high / 2;
				const to = x + 52 - cut(tasks[lane.from].name, 9).length * 6.3, bend = (to - x0) / 2;
				kids.push(s('path', {class: 'edge' + (lane.held ? ' held' : ''),
					d: `M${x0} ${y0}C${x0 + bend} ${y0} ${to - bend} ${y} ${to} ${y}`}));
			}
			kids.push(drawLane(lane, tasks[lane.from], x, y - ROW / 2));
		});
		kids.push(drawTask(t, p));
	});
	const node = s('svg', {class: 'steps' + (l.stacked ? ' stacked' : ''), role: 'img',
		'aria-label': 'Tasks, what their channels hold, and which inputs are held',
		viewBox: `${-PAD} ${-PAD} ${l.width} ${l.height}`}, kids);
	node.style.maxWidth = l.width + 'px';
	node.style.minWidth = Math.min(l.width, l.stacked ? 320 : l.width * .7) + 'px';
	return node;
}

// ---- in words ----

// The cut as it grows, and what is held and why.
export function inWords(now) {
	const held = now.lanes.filter(l => l.held), there = now.tasks.filter(t => t.part === 'there').length;
	const words = {none: 'not yet', taking: 'being written', there: 'there'};
	const back = now.published ? `A restart now would go back to checkpoint ${now.published}.`
		: 'A restart now would begin from nothing: no checkpoint is published yet.';
	return [
		now.state === null && h('p', {class: 'note'}, 'No process: it was killed. Its disk stays; the next event is ' +
			'the new start. ', back),
		now.over && h('p', {class: 'note'}, 'That was all: go back to see it again, or begin anew.'),
		now.pending && h('div', {class: 'cut'}, h('h2', null,
			`Checkpoint ${now.pending}: ${there} of ${now.tasks.length} parts are there`),
		h('div', {class: 'parts'}, now.tasks.map(t => h('span', {class: `${t.part} ${colour(now.pending)}`,
			'data-part': t.part}, t.name, ' ', h('small', null, words[t.part]))))),
		held.length > 0 && h('div', null, h('h2', null, 'Held inputs'), held.map(l => h('p', {class: 'held-why'},
			h('b', null, `${now.tasks[l.to].name} takes nothing from ${now.tasks[l.from].name}`), ': ', l.held, '.'))),
		now.state !== null && h('p', {class: 'quiet'}, back)];
}
