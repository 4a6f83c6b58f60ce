// state.js - the keyed state of a stage: look a key up as the running job has it now, or list some, as the
// newest checkpoint or an older one has it; those are read from its files while the job runs.
import {h, show, keep, count, time, fault, nothing} from './dom.js';

const LISTED = 50, OFFERED = 20;

// How many checkpoints the job keeps: 3 unless it says so (docs/OPERATING.md).
function retained(config) {
	const of = d => d && d.checkpoint && d.checkpoint.retain;
	return (config && (of(config.description) || of(config.defaults))) || 3;
}

const shownValue = v => v === null || v === undefined ? 'null' : typeof v === 'object' ? JSON.stringify(v) : String(v);

// Rows of any shape as a table: a column for each field that occurs.
export function rowTable(rows) {
	const names = [...new Set(rows.flatMap(r => r && typeof r === 'object' ? Object.keys(r) : ['']))];
	const value = (r, name) => r && typeof r === 'object' ? r[name] : r;
	const number = name => rows.every(r => ['number', 'undefined'].includes(typeof value(r, name)));
	return h('table', {class: 'narrow'}, h('thead', null, h('tr', null, names.map(n =>
		h('th', {scope: 'col', class: number(n) ? 'n' : ''}, n)))),
	h('tbody', null, rows.map(r => h('tr', null, names.map(n =>
		h('td', {class: 'mono' + (number(n) ? ' n' : '')}, shownValue(value(r, n))))))));
}

export async function panel(root, job, ctx) {
	const [config, history] = await Promise.all([ctx.api(ctx.path('/config')).catch(() => null),
		ctx.api(ctx.path('/checkpoints')).catch(() => ({checkpoints: []}))]);
	const facts = job.facts && job.facts.stages.filter(st => st.keyed).map(st => st.id);
	const described = config && config.description && config.description.pipeline;
	const stages = facts || (described || []).filter(st => /^keyed|window|dedup|join|lookup/.test(st.type)).map(st => st.id);
	if (!stages.length) {
		show(root, nothing('No stage of this job keeps state under keys.'));
		return null;
	}
	const key = h('input', {name: 'key', autocomplete: 'off', spellcheck: 'false', placeholder: 'a key; of two fields: a,b'});
	const stage = h('select', {name: 'stage'}, stages.map(id => h('option', {value: id}, id)));
	const at = h('select', {name: 'at'});
	let kept = history.checkpoints.filter(c => c.id && c.state !== 'failed').map(c => Number(c.id));
	// What is retired goes from the list, but for the one that is chosen: it says so when it is asked for.
	const offer = () => {
		kept = kept.slice(-Math.min(retained(config), OFFERED));
		const chosen = Number(at.value), gone = chosen && !kept.includes(chosen);
		keep(at, ['', 'newest', ...[...kept].reverse(), ...gone ? [chosen] : []], v => 'at ' + v, v =>
			h('option', {value: v}, v === '' ? 'now, in the running job' : v === 'newest' ? 'the newest checkpoint'
				: `checkpoint ${v}` + (gone && v === chosen ? ' (retired)' : '')));
	};
	offer();
	const result = h('div', {class: 'scroll'});
	const ask = async query => {
		try {
			const said = await ctx.api(ctx.path('/state/' + encodeURIComponent(stage.value)),
				{query: {...query, ...at.value === 'newest' ? {live: 'no'} : {at: at.value}}});
			const rows = said.rows, from = said.live
				? `as subtask ${count(said.subtask)} has it now, after ${count(said.records)} records`
				: `as of checkpoint ${count(said.at)}, ${time(said.wall_us)}` + (said.note ? ` (${said.note})` : '');
			show(result, rows.length ? rowTable(rows) : nothing('No key yet.'), h('p', {class: 'quiet small'},
				`${count(rows.length)} row${rows.length === 1 ? '' : 's'}, ${from}` + (said.more ? '; there are more' : '')));
		} catch (e) {
			if (e.name !== 'AbortError')
				show(result, e.status === 404 ? nothing(e.message) : fault(e));
		}
	};
	const find = e => {
		e.preventDefault();
		ask(key.value ? {key: key.value} : {limit: LISTED});
	};
	show(root, h('form', {class: 'card', onsubmit: find}, h('div', {class: 'row'},
		h('label', null, 'Stage', stage), h('label', null, 'Key', key), h('label', null, 'As of', at),
		h('button', {class: 'main'}, 'Look up'),
		h('button', {type: 'button', onclick: () => ask({limit: LISTED})}, `List ${LISTED}`))),
	h('div', {class: 'card'}, result));
	show(result, nothing('Look a key up, or list some.'));
	return {onEvent: (event, c) => {
		if (event !== 'checkpoint' || c.state === 'failed' || !c.id || kept.includes(Number(c.id)))
			return;
		kept.push(Number(c.id));
		offer();
	}};
}
