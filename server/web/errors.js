// errors.js - what went wrong, in one place and newest first: why attempts ended, checkpoints that were
// given up, records that were left out, and what the log warned of. Each is asked where it is kept;
// nothing here is a record of its own.
import {h, show, num, count, time, nothing} from './dom.js';

const LINES = 1000, SHOWN = 100;

// The warnings and errors among a log's lines; a server may have been told to write JSON.
export function troubles(text) {
	return text.split('\n').map(line => {
		const found = /^(\d{4}-\S+Z) (warn|error) +(.*)$/.exec(line);
		if (found)
			return {at: Date.parse(found[1]) * 1000, what: found[2], text: found[3]};
		try {
			const said = line[0] === '{' && JSON.parse(line);
			return said && ['warn', 'error'].includes(said.level) &&
				{at: Date.parse(said.time) * 1000, what: said.level, text: String(said.text)};
		} catch {
			return null; /* what a print sink printed */
		}
	}).filter(Boolean);
}

const gaveUp = c => ({at: num(c.wall_us), what: 'checkpoint ' + c.id, text: c.error || 'it was given up'});

const cameBack = r => ({at: num(r.wall_us), what: 'attempt ' + count(r.attempt), text: r.cause,
	then: num(r.checkpoint) ? 'went on from checkpoint ' + count(r.checkpoint) : 'began anew'});

export async function panel(root, job, ctx) {
	const left = h('div'), list = h('tbody');
	const table = h('table', {class: 'list'}, h('thead', null, h('tr', null, ['When', 'Where', 'What'].map(name =>
		h('th', {scope: 'col'}, name)))), list);
	const none = nothing('Nothing went wrong that anybody still knows of.');
	let found = [];
	const draw = () => {
		const over = ['FAILED', 'WAITING'].includes(ctx.current().state) && ctx.current();
		const all = [...found, over && over.error && {at: num(over.since_wall_us), text: over.error,
			what: over.state.toLowerCase(), then: over.exit !== null && 'exit ' + over.exit}].filter(Boolean)
			.sort((a, b) => b.at - a.at).slice(0, SHOWN);
		table.hidden = !all.length;
		none.hidden = !!all.length || !!left.firstChild;
		show(list, all.map(one => h('tr', null, h('td', {class: 'stamp'}, time(one.at)), h('td', null, one.what),
			h('td', null, one.text, one.then && h('span', {class: 'quiet'}, ' – ' + one.then)))));
	};
	const onJob = now => {
		const some = now.facts ? now.facts.stages.filter(st => num(st.records_skipped)) : [];
		if (now.facts)
			show(left, some.length > 0 && h('p', {class: 'sentence slow', id: 'left-out'}, 'Left out (on_error: skip): ',
				some.map(st => `${count(st.records_skipped)} records by ${st.id}`).join(', ')));
		draw();
	};
	const ask = async () => {
		const [recoveries, checkpoints, log] = await Promise.all([ctx.api(ctx.path('/recoveries')),
			ctx.api(ctx.path('/checkpoints')), ctx.text(ctx.path('/log?tail=' + LINES))]);
		found = [...recoveries.recoveries.filter(r => r.cause).map(cameBack),
			...checkpoints.checkpoints.filter(c => c.state === 'failed').map(gaveUp), ...troubles(log)];
		draw();
	};
	show(root, left, table, none);
	await ask();
	const again = () => ask().catch(e => e.name === 'AbortError' || ctx.say(e.message, true));
	return {onJob, onEvent: (event, c) => {
		if (event === 'recovery' || event === 'checkpoint' && c.state === 'failed')
			again();
	}};
}
