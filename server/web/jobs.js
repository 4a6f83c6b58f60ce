// jobs.js - all jobs: what runs, how fast, how old its newest checkpoint is. The list is asked for
// every two seconds, the facts only of running jobs whose rows are in sight.
import {h, show, put, attr, num, rate, ago, count, pill, repill, spark, nothing, fault, DASH}
	from './dom.js';
import {jobPath} from './api.js';
import {ratesOf} from './rates.js';

const EVERY_MS = 2000, ASKED_AT_ONCE = 40;

function newRow(name) {
	const row = {rates: ratesOf(name), spark: spark(), state: pill('starting'), rate: h('td', {class: 'n'}),
		age: h('td', {class: 'n'}), id: h('td', {class: 'n wide'}), since: h('td', {class: 'n wide'}),
		error: h('span', {class: 'error-line'}), out: h('td', {class: 'n wide'})};
	const href = '#/jobs/' + encodeURIComponent(name);
	row.node = h('tr', {'data-href': href, tabindex: 0},
		h('th', {scope: 'row'}, h('a', {href, tabindex: -1}, name), row.error),
		h('td', null, row.state), row.rate, row.out, h('td', {class: 'wide'}, row.spark), row.age,
		row.id, row.since);
	return row;
}

function update(row, job) {
	repill(row.state, job.state);
	put(row.error, job.error && job.state !== 'RUNNING' ? job.error.split('\n')[0] : '');
	put(row.id, count(job.checkpoint));
	put(row.since, ago(job.since_wall_us));
	if (job.state !== 'RUNNING') {
		put(row.rate, DASH);
		put(row.out, DASH);
		put(row.age, DASH);
	}
}

function updateFacts(row, facts) {
	row.rates.take(facts);
	put(row.rate, rate(row.rates.in));
	put(row.out, rate(row.rates.out));
	const last = facts.last || facts.checkpoint;
	put(row.age, last && num(last.id) ? ago(last.wall_us) : DASH);
	row.spark.update(row.rates.history);
	attr(row.spark, 'aria-label', 'records per second: ' + row.rates.history.map(([, n]) => Math.round(n)).join(' '));
}

const inSight = node => {
	const box = node.getBoundingClientRect();
	return box.bottom > 0 && box.top < innerHeight;
};

export async function view(root, params, ctx) {
	const rows = new Map(), body = h('tbody');
	const table = h('table', {class: 'list'}, h('thead', null, h('tr', null,
		h('th', {scope: 'col'}, 'Job'), h('th', {scope: 'col'}, 'State'),
		h('th', {scope: 'col', class: 'n'}, 'Records in'),
		h('th', {scope: 'col', class: 'n wide'}, 'Out'),
		h('th', {scope: 'col', class: 'wide'}, 'Last minute'),
		h('th', {scope: 'col', class: 'n'}, 'Checkpoint'), h('th', {scope: 'col', class: 'n wide'}, 'No.'),
		h('th', {scope: 'col', class: 'n wide'}, 'Since'))), body);
	const place = h('div');
	show(root, h('div', {class: 'row'}, h('h1', null, 'Jobs'), h('span', {class: 'grow'}),
		h('a', {class: 'button main', href: '#/submit'}, 'Submit a job')), place);

	const list = jobs => {
		if (!jobs.length) {
			show(place, nothing('Nothing runs here yet. ', h('a', {href: '#/submit'}, 'Submit a job'),
				', or type: weir submit examples/clicks.json'));
			return;
		}
		if (table.parentNode !== place)
			show(place, table);
		const names = new Set(jobs.map(j => j.name));
		for (const [name, row] of rows)
			if (!names.has(name)) {
				row.node.remove();
				rows.delete(name);
			}
		jobs.forEach((job, i) => {
			let row = rows.get(job.name);
			if (!row)
				rows.set(job.name, row = newRow(job.name));
			if (body.children[i] !== row.node)
				body.insertBefore(row.node, body.children[i] || null);
			update(row, job);
		});
	};
	const facts = async job => {
		const row = rows.get(job.name);
		try {
			const said = await ctx.api(jobPath(job.name));
			if (said.facts)
				updateFacts(row, said.facts);
		} catch (e) {
			if (e.status !== 404) /* removed meanwhile */
				throw e;
		}
	};
	const round = async () => {
		const {jobs} = await ctx.api('/v1/jobs');
		list(jobs);
		const asked = jobs.filter(j => j.state === 'RUNNING' && inSight(rows.get(j.name).node));
		await Promise.all(asked.slice(0, ASKED_AT_ONCE).map(facts));
	};
	let timer = 0, over = false;
	const turn = async () => {
		clearTimeout(timer);
		try {
			if (!document.hidden)
				await round();
		} catch (e) {
			if (over || e.name === 'AbortError')
				return;
			show(place, fault(e));
		}
		if (!over)
			timer = setTimeout(turn, EVERY_MS);
	};
	const shown = () => document.hidden || turn();
	document.addEventListener('visibilitychange', shown);
	turn();
	return () => {
		over = true;
		clearTimeout(timer);
		document.removeEventListener('visibilitychange', shown);
	};
}
