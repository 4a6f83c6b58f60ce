// submit.js - a job file, pasted or chosen, for the server; what is wrong with it is shown in place.
import {h, show, fault} from './dom.js';

const EXAMPLE = `{ "name": "hello",
  "checkpoint": { "interval": "1s" },
  "pipeline": [
    { "id": "rows",  "type": "generator_source", "rate": 1000,
      "fields": { "user": "i * 7919 % 500" } },
    { "id": "count", "type": "keyed_sum", "key": "user", "value": "1", "as": "n" },
    { "id": "out",   "type": "blackhole_sink" } ] }
`;

// Where the n-th line begins in the text, n from 1.
function lineAt(text, n) {
	let at = 0;
	for (let i = 1; i < n; i++)
		at = text.indexOf('\n', at) + 1 || text.length;
	return at;
}

// Columns are counted in bytes of UTF-8.
function column(line, bytes) {
	let n = 0, chars = 0;
	for (const ch of line) {
		if (n >= bytes - 1)
			break;
		n += new TextEncoder().encode(ch).length;
		chars += ch.length;
	}
	return chars;
}

function faults(said, area) {
	const text = area.value, lines = text.split('\n');
	const one = e => {
		if (!e.line || !lines[e.line - 1])
			return h('li', null, h('b', null, e.text), e.hint && ' ' + e.hint);
		const line = lines[e.line - 1], from = column(line, e.column || 1), long = Math.max(1, e.length || 1);
		const begin = Math.max(0, from - 60), head = `${e.line} | `, shown = line.slice(begin, begin + 160);
		const caret = ' '.repeat(head.length + from - begin) +
			'^'.repeat(Math.max(1, Math.min(long, shown.length - (from - begin))));
		return h('li', null, h('button', {class: 'link', type: 'button', onclick: () => {
			const at = lineAt(text, e.line) + from;
			area.focus();
			area.setSelectionRange(at, at + long);
		}}, `line ${e.line}, column ${e.column}`), ' ', h('b', null, e.text),
		h('pre', null, head + shown.replace(/\t/g, ' ') + '\n', h('span', {class: 'caret'}, caret),
			e.hint && ' ' + e.hint));
	};
	const all = said.errors && said.errors.length ? said.errors
		: [{text: said.message, ...(said.at || {})}];
	return h('div', {class: 'faults', role: 'alert'}, h('h2', null, said.message), h('ul', null, all.map(one)));
}

export async function view(root, params, ctx) {
	const area = h('textarea', {name: 'job', rows: 16, spellcheck: 'false', class: 'mono', 'aria-label': 'The job file',
		placeholder: 'Paste a job file, or drop one here'});
	const result = h('div'), file = h('input', {name: 'file', placeholder: '/home/me/jobs/job.json', autocomplete: 'off'});
	const replace = h('input', {type: 'checkbox', name: 'replace'});
	const restore = h('input', {name: 'restore', autocomplete: 'off', placeholder: '17, end, or a path'});
	const parallelism = h('input', {name: 'parallelism', type: 'number', min: 1, max: 32768});
	const load = async from => {
		if (from) {
			area.value = await from.text();
			show(result);
		}
	};
	const choose = h('input', {type: 'file', accept: '.json,application/json', hidden: true,
		onchange: () => load(choose.files[0])});
	const send = async () => {
		show(result);
		try {
			const job = await ctx.api('/v1/jobs', {method: 'POST', body: area.value, query: {file: file.value,
				replace: replace.checked ? 1 : null, restore: restore.value, parallelism: parallelism.value}});
			ctx.say(`${job.name} was submitted`);
			ctx.go('#/jobs/' + encodeURIComponent(job.name));
		} catch (e) {
			if (e.name !== 'AbortError')
				show(result, e.status === 422 ? faults(e, area) : fault(e));
		}
	};
	const ask = async e => {
		e.preventDefault();
		let name = 'this job';
		try {
			name = JSON.parse(area.value).name || name;
		} catch { /* the server says where it is wrong */ }
		const text = replace.checked
			? 'If a job of this name runs, it is stopped with a checkpoint and goes on under this description.'
			: 'The server keeps it, and runs it until it is stopped or done.';
		if (await ctx.dialog({title: `Submit ${name}`, text, yes: 'Submit'}))
			send();
	};
	show(root, h('h1', null, 'Submit a job'), h('form', {class: 'card', onsubmit: ask,
		ondragover: e => e.preventDefault(), ondrop: e => {
			e.preventDefault();
			load(e.dataTransfer.files[0]);
		}},
	h('div', {class: 'row'}, h('button', {type: 'button', onclick: () => choose.click()}, 'Choose a file'), choose,
		h('button', {type: 'button', onclick: () => { area.value = EXAMPLE; show(result); }}, 'An example')),
	area, result, h('details', null, h('summary', null, 'More'), h('div', {class: 'fields'},
		h('label', null, 'Its path on the server (paths in it are relative to that)', file),
		h('label', null, 'Go on from: a checkpoint, a savepoint', restore),
		h('label', null, 'Subtasks of each stage', parallelism),
		h('label', {class: 'check'}, replace, 'also where a job of that name runs'))),
	h('div', {class: 'row end'}, h('button', {class: 'main'}, 'Submit'))));
	area.focus();
}
