// overview.js - what a stranger should see at once: what runs, what is slow, what the last checkpoint
// cost; and the graph.
import {h, show, put, num, rate, ago, span, bytes, count, percent, spark, figures, nothing, short, time,
	DASH}
	from './dom.js';
import {FINAL} from './actions.js';
import {Graph, inputsOf} from './graph.js';

const SUBTASKS_SHOWN = 64;

function stageTable(pick) {
	const names = ['Stage', 'Type', 'In', 'Out', 'Busy', 'Backpressured', 'Skipped', 'Keys', 'State'];
	const wide = i => i === 1 || i === 3 || i >= 6;
	const body = h('tbody'), rows = [];
	const node = h('table', null, h('thead', null, h('tr', null, names.map((n, i) =>
		h('th', {scope: 'col', class: (i > 1 ? 'n' : '') + (wide(i) ? ' wide' : '')}, n)))), body);
	node.update = (facts, rates) => {
		const read = new Set(facts.stages.flatMap(inputsOf)); /* the others' Out is nobody's In */
		if (rows.length !== facts.stages.length || rows.some((r, i) => r.id !== facts.stages[i].id)) {
			rows.length = 0;
			show(body, facts.stages.map((st, i) => {
				const cell = names.slice(1).map((_, k) =>
					h('td', {class: (k ? 'n' : '') + (wide(k + 1) ? ' wide' : '')}));
				rows.push({id: st.id, cell});
				return h('tr', null, h('th', {scope: 'row'},
					h('button', {class: 'link', onclick: () => pick(i)}, st.id)), cell);
			}));
		}
		facts.stages.forEach((st, i) => {
			const r = rates.stage[i] || {}, known = r.known;
			[st.type + (st.parallelism > 1 ? ' ×' + st.parallelism : ''),
				inputsOf(st).length ? rate(r.in) : DASH, read.has(i) ? rate(r.out) : DASH, known ? percent(r.busy) : DASH,
				known ? percent(r.back) : DASH, num(st.records_skipped) ? count(st.records_skipped) : DASH,
				st.keyed ? count(st.keys) : DASH, st.keyed ? bytes(st.state_bytes) : DASH,
			].forEach((text, k) => put(rows[i].cell[k], text));
		});
	};
	return node;
}

// The subtasks of a stage beside one another: who is ahead, who holds the keys.
function subtaskTable(st) {
	const of = st.subtasks || [], most = Math.max(1, ...of.map(t => num(t.records_in) || num(t.records_out)));
	return h('table', null, h('thead', null, h('tr', null, ['Subtask', 'Records in', 'Share', 'Busy', 'Keys',
		'State'].map((n, i) => h('th', {scope: 'col', class: i === 2 ? 'wide' : 'n'}, n)))),
	h('tbody', null, of.slice(0, SUBTASKS_SHOWN).map((t, i) => {
		const n = num(t.records_in) || num(t.records_out);
		const time = num(t.busy_us) + num(t.idle_us) + num(t.backpressured_us);
		return h('tr', null, h('th', {scope: 'row', class: 'n'}, i), h('td', {class: 'n'}, count(n)),
			h('td', {class: 'wide'}, h('progress', {max: most, value: n, 'aria-label': 'share'})),
			h('td', {class: 'n'}, time ? percent(num(t.busy_us) / time) : DASH),
			h('td', {class: 'n'}, st.keyed ? count(t.keys) : DASH),
			h('td', {class: 'n'}, st.keyed ? bytes(t.state_bytes) : DASH));
	})));
}

const text = of => typeof of === 'string' ? of : of && (of.sentence || of.text || of.message) || '';

export async function panel(root, job, ctx) {
	const cell = () => [document.createTextNode(DASH), h('small')];
	const read = cell(), wrote = cell(), last = cell(), state = cell(), line = spark(150, 30);
	const says = h('div'), chosen = {at: -1, node: h('div')}, place = h('div', {class: 'scroll'});
	let shown = null, rested = '';
	const pick = i => {
		chosen.at = chosen.at === i ? -1 : i;
		update(ctx.current());
	};
	const graph = new Graph(pick), table = stageTable(pick);
	const legend = h('p', {class: 'legend'}, ['busy', 'idle', 'backpressured'].map((name, i) =>
		h('span', {class: ['busy', 'idle', 'back'][i]}, name)));
	const card = h('div', {class: 'card'}, h('div', {class: 'row'}, h('h2', null, 'Graph'),
		h('span', {class: 'grow'}), legend), place);
	const board = [figures([['Records in', ...read, line], ['Records out', ...wrote],
		['Last checkpoint', ...last], ['State', ...state]]), says, card, chosen.node,
	h('div', {class: 'card scroll'}, h('h2', null, 'Stages'), table)];

	const sentences = facts => {
		const slow = text(ctx.current().bottleneck || facts.bottleneck);
		const will = [ctx.current().forecasts || facts.forecasts || []].flat().map(text).filter(Boolean);
		const key = JSON.stringify([slow, will]);
		if (says.dataset.key === key)
			return;
		says.dataset.key = key;
		show(says, slow && h('p', {class: /^no bottleneck/.test(slow) ? 'sentence' : 'sentence slow', id: 'bottleneck'},
			slow),
			will.map(one => h('p', {class: 'sentence'}, one)));
	};
	const numbers = facts => {
		const c = facts.last, r = ctx.rates, total = facts.stages.reduce((n, st) => n + num(st.state_bytes), 0);
		const sources = facts.stages.filter(st => !inputsOf(st).length);
		put(read[0], rate(r.in));
		put(read[1], count(sources.reduce((n, st) => n + num(st.records_out), 0)) + ' by this process');
		put(wrote[0], rate(r.out));
		const late = facts.stages.filter(st => st.latency).map(st =>
			`${st.id}: p50 ${span(st.latency.p50_us)}, p99 ${span(st.latency.p99_us)}`);
		put(wrote[1], late.join('; ') || (facts.restored && num(facts.recovery_us)
			? `recovered in ${span(facts.recovery_us)}` : ''));
		put(last[0], c ? span(c.total_us) : 'none yet');
		put(last[1], c ? `no. ${count(c.id)}, ${ago(c.wall_us)}, ${bytes(c.bytes_written)} written, ` +
			`${count(c.keys_changed)} keys changed` : '');
		put(state[0], bytes(total));
		put(state[1], count(facts.stages.reduce((n, st) => n + (st.keyed ? num(st.keys) : 0), 0)) + ' keys');
		line.update(r.history);
		line.setAttribute('aria-label', 'records per second, the last minute, at most ' +
			short(Math.max(0, ...r.history.map(one => one[1]))));
	};
	const stage = facts => {
		const st = facts.stages[chosen.at];
		show(chosen.node, st && h('div', {class: 'card scroll'}, h('h2', null, `Subtasks of ${st.id}`),
			st.subtasks && st.subtasks.length ? subtaskTable(st)
				: h('p', {class: 'quiet'}, 'Told of at most 256 tasks together; this job has more.'),
			st.subtasks && st.subtasks.length > SUBTASKS_SHOWN &&
			h('p', {class: 'quiet'}, `the first ${SUBTASKS_SHOWN} of ${st.subtasks.length}`)));
	};
	// Of a job without a process: its stages, and what it came to.
	const rest = async now => {
		const [plan, history] = await Promise.all([ctx.api(ctx.path('/plan')).catch(() => null),
			ctx.api(ctx.path('/checkpoints')).catch(() => ({checkpoints: []}))]);
		const c = history.checkpoints.filter(one => one.id && one.state !== 'failed').pop();
		if (shown || ctx.signal.aborted)
			return;
		show(root, nothing('The job does not run: there is nothing to measure.'),
			FINAL.includes(now.state) && figures([['It ended', time(now.since_wall_us), h('small', null,
				now.exit === null ? '' : 'exit ' + now.exit)], ['Its last checkpoint', c ? count(c.id) : 'none',
			h('small', null, c ? `${c.kind}, ${time(c.wall_us)}` : '')]]),
			plan && h('div', {class: 'card'}, h('h2', null, 'Graph'), place));
		if (!plan)
			return;
		const at = new Map(plan.stages.map((st, i) => [st.id, i]));
		show(place, graph.node);
		graph.update({stages: plan.stages.map(({id, type, parallelism, inputs}) =>
			({id, type, parallelism, inputs: inputs.map(one => at.get(one))}))}, {stage: [], edge: []},
		place.clientWidth || 600, -1);
	};
	const update = now => {
		if (FINAL.includes(now.state))
			shown = null; /* rates of what has ended would lie */
		const facts = now.facts || (now.state === 'RUNNING' ? shown : null);
		if (!facts) {
			if (!shown && rested !== now.state && !/^REMOV/.test(now.state))
				rest(now);
			rested = now.state;
			return;
		}
		rested = '';
		if (!shown) {
			card.append(place);
			show(root, board);
		}
		shown = facts;
		if (!place.firstChild)
			show(place, graph.node);
		sentences(facts);
		numbers(facts);
		graph.update(facts, ctx.rates, place.clientWidth || 600, chosen.at);
		table.update(facts, ctx.rates);
		stage(facts);
	};
	const sized = new ResizeObserver(() => shown && update(ctx.current()));
	sized.observe(place);
	return {onJob: update, close: () => sized.disconnect()};
}
