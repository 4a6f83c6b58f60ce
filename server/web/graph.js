// graph.js - the job as a picture: stages in columns by depth, each with what its subtasks did in the
// last second (busy, idle, backpressured: held up by those behind it), and on each edge the records a second and
// how full its queue is. On a narrow screen the same picture runs from top to bottom.
import {s, put, attr, rate, bytes, count, percent} from './dom.js';

const W = 180, H = 104, GAP = 24, PAD = 6, DOWN = 58;
const cut = (text, n) => text.length > n ? text.slice(0, n - 1) + '…' : text;

export const inputsOf = st => st.input || st.inputs || [];

// Columns of stage indices: a stage stands one behind the furthest of those it reads.
function columns(stages) {
	const depth = [], of = [];
	stages.forEach((st, i) => {
		depth[i] = Math.max(-1, ...inputsOf(st).map(j => depth[j])) + 1;
		(of[depth[i]] = of[depth[i]] || []).push(i);
	});
	const at = [];
	of.forEach((list, d) => {
		const middle = i => d === 0 ? i
			: inputsOf(stages[i]).reduce((n, j) => n + at[j], 0) / inputsOf(stages[i]).length;
		list.sort((a, b) => middle(a) - middle(b) || a - b);
		list.forEach((i, k) => { at[i] = k - (list.length - 1) / 2; });
	});
	return {of, depth, at};
}

function layout(stages, width) {
	const {of, depth, at} = columns(stages), most = Math.max(...of.map(l => l.length));
	const gaps = of.length - 1, room = gaps ? (width - 2 * PAD - of.length * W) / gaps : 0;
	const along = Math.max(66, Math.min(130, room)); /* between columns: labels stand there */
	const wide = of.length * W + gaps * along, high = most * (W + GAP) - GAP;
	const down = wide > width * 1.45 && high <= wide;
	const size = down ? [high, of.length * H + gaps * DOWN] : [wide, most * (H + GAP) - GAP];
	const place = stages.map((_, i) => down
		? {x: PAD + size[0] / 2 + at[i] * (W + GAP) - W / 2, y: PAD + depth[i] * (H + DOWN)}
		: {x: PAD + depth[i] * (W + along), y: PAD + size[1] / 2 + at[i] * (H + GAP) - H / 2});
	return {place, down, depth, along, width: size[0] + 2 * PAD, height: size[1] + 2 * PAD};
}

function edgesOf(facts) {
	if (facts.edges)
		return facts.edges.map((e, i) => ({from: e.from, to: e.to, at: i}));
	return facts.stages.flatMap((st, i) => inputsOf(st).map(j => ({from: j, to: i, at: -1})));
}

function drawEdge(edge, l) {
	const a = l.place[edge.from], b = l.place[edge.to];
	const [x0, y0, x1, y1] = l.down ? [a.x + W / 2, a.y + H, b.x + W / 2, b.y]
		: [a.x + W, a.y + H / 2, b.x, b.y + H / 2];
	const bend = l.down ? Math.max(20, (y1 - y0) / 2) : Math.max(30, (x1 - x0) / 2);
	const d = l.down ? `M${x0} ${y0}C${x0} ${y0 + bend} ${x1} ${y1 - bend} ${x1} ${y1}`
		: `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`;
	/* Long ones carry their figures where they begin: further on a stage may stand before them. */
	const near = l.depth[edge.to] - l.depth[edge.from] > 1;
	const part = near ? .5 * (l.down ? DOWN / (y1 - y0) : l.along / (x1 - x0)) : .5;
	const x = x0 + (x1 - x0) * (near ? part : .5), y = y0 + (y1 - y0) * (near ? part : .5);
	const line = s('path', {class: 'edge', d}), label = s('text', {class: 'on-edge', x: l.down ? x + 8 : x,
		y: l.down ? y + 1 : y - 8, 'text-anchor': l.down ? 'start' : 'middle'});
	const [qx, qy] = l.down ? [x + 8, y + 6] : [x - 22, y + 7];
	const fill = s('rect', {x: qx, y: qy, width: 0, height: 5, rx: 2.5, class: 'queue-fill'});
	const title = s('title');
	const queue = s('g', {class: 'queue'}, s('rect', {x: qx, y: qy, width: 44, height: 5, rx: 2.5}), fill,
		title);
	return {edge, line, label, queue, fill, title, node: s('g', null, line, label, queue)};
}

function drawStage(st, i, place, pick) {
	const text = (x, y, cls, ...kids) => s('text', {x, y, class: cls}, ...kids);
	const bar = ['busy', 'idle', 'back'].map(c => s('rect', {y: 66, height: 7, class: c}));
	const below = text(12, 91, 'figure below');
	const right = s('text', {x: W - 12, y: 56, class: 'figure strong', 'text-anchor': 'end'});
	const kind = st.parallelism > 1 ? `${st.type} ×${st.parallelism}` : st.type;
	const part = text(12, 56, 'figure');
	const node = s('g', {class: 'stage', transform: `translate(${place.x} ${place.y})`, tabindex: 0,
		role: 'button', onclick: () => pick(i),
		onkeydown: e => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); pick(i); } }},
	s('title', null, `${st.id}: ${kind}`), s('rect', {class: 'box', width: W, height: H, rx: 9}),
	text(12, 21, 'id', cut(st.id, 20)), text(12, 37, 'type', cut(kind, 25)), part, right,
	s('rect', {class: 'idle', x: 12, y: 66, width: W - 24, height: 7}), bar, below);
	return {node, bar, below, right, part};
}

export class Graph {
	// pick(i): a stage was chosen.
	constructor(pick) {
		this.pick = pick;
		this.shape = '';
		this.node = s('svg', {class: 'graph', role: 'group', 'aria-label': 'The graph of the job'});
	}

	draw(facts, width) {
		const shape = JSON.stringify([Math.round(width / 20), facts.stages.map(st =>
			[st.id, st.type, st.parallelism, inputsOf(st)]), !!facts.edges]);
		if (shape === this.shape)
			return;
		this.shape = shape;
		const l = layout(facts.stages, width);
		this.edges = edgesOf(facts).map(e => drawEdge(e, l));
		this.stages = facts.stages.map((st, i) => drawStage(st, i, l.place[i], this.pick));
		attr(this.node, 'viewBox', `0 0 ${l.width} ${l.height}`);
		/* Never larger than drawn; smaller down to a half, then it is pushed aside. */
		this.node.style.maxWidth = l.width + 'px';
		this.node.style.minWidth = Math.min(l.width, Math.max(l.width * .5, Math.min(width, l.width * .6))) + 'px';
		this.node.replaceChildren(...this.edges.map(e => e.node), ...this.stages.map(st => st.node));
	}

	// width: what there is, in pixels.
	update(facts, rates, width, chosen) {
		this.draw(facts, width);
		facts.stages.forEach((st, i) => {
			const r = rates.stage[i], at = this.stages[i];
			let x = 12;
			['busy', 'idle', 'back'].forEach((key, k) => {
				const w = r && r.known ? r[key] * (W - 24) : 0;
				attr(at.bar[k], 'x', x.toFixed(1));
				attr(at.bar[k], 'width', w.toFixed(1));
				x += w;
			});
			const source = !inputsOf(st).length;
			put(at.right, r ? rate(source ? r.out : r.in) : '');
			put(at.part, st.keyed ? count(st.keys) + ' keys' : '');
			put(at.below, !r || !r.known ? '' : 'busy ' + percent(r.busy) +
				(r.back >= .005 ? ' · backpr. ' + percent(r.back) : '') +
				(st.keyed && r.back < .005 ? ' · ' + bytes(st.state_bytes) : ''));
			attr(at.node, 'class', 'stage' + (i === chosen ? ' chosen' : '') +
				(r && r.known && r.busy > .8 ? ' hot' : ''));
			attr(at.node, 'aria-label', `${st.id}, ${st.type}: ${at.right.textContent}, ${at.below.textContent}`);
		});
		for (const e of this.edges)
			this.updateEdge(e, facts, rates);
	}

	updateEdge(e, facts, rates) {
		const said = e.edge.at >= 0 ? facts.edges[e.edge.at] : null, to = facts.stages[e.edge.to];
		const r = rates.stage[e.edge.to];
		/* Without facts of edges, an only input carries all that its stage reads. */
		const per = said ? rates.edge[e.edge.at] : inputsOf(to).length === 1 && r ? r.in : null;
		put(e.label, per === null || per === undefined ? '' : rate(per));
		attr(e.line, 'stroke-width', (1.5 + Math.min(4, Math.log10(1 + (per || 0)) * .6)).toFixed(1));
		const full = said && said.room ? Math.min(1, said.queued / said.room) : 0;
		attr(e.queue, 'visibility', said ? 'visible' : 'hidden');
		attr(e.fill, 'width', (44 * full).toFixed(1));
		attr(e.fill, 'class', full > .75 ? 'queue-fill full' : 'queue-fill');
		put(e.title, said ? `queue: ${said.queued} of ${said.room} batches` : '');
	}
}
