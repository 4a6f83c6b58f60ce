// tail.js - what a print sink writes, as it writes it; the newest rows on top.
import {h, show, num, count, nothing} from './dom.js';

const KEPT = 200;

export async function panel(root, job, ctx) {
	const all = job.facts ? job.facts.stages : [], sinks = all.filter(st => st.type === 'print_sink');
	if (!sinks.length) {
		show(root, nothing(job.facts ? 'This job has no print_sink to look at.' : 'The job does not run.'));
		return null;
	}
	const pick = h('select', {name: 'sink'}, sinks.map(st => h('option', {value: st.id}, st.id)));
	const list = h('pre', {class: 'card log', tabindex: 0, 'aria-label': 'Rows'}), says = h('span', {class: 'quiet small'});
	const pause = h('button', {'aria-pressed': 'false'}, 'Pause');
	let stop = () => {}, n = 0, missed = 0, paused = false;
	pause.addEventListener('click', () => {
		paused = !paused;
		pause.setAttribute('aria-pressed', paused);
		pause.textContent = paused ? 'Go on' : 'Pause';
	});
	const onRows = (event, data) => {
		if (event !== 'rows' || paused)
			return;
		const rows = Array.isArray(data) ? data : data.rows || data.lines || [data];
		n += rows.length;
		missed += num(data.missed || data.skipped || data.dropped);
		list.prepend(...rows.slice(-KEPT).reverse().map(r =>
			h('div', null, typeof r === 'string' ? r : JSON.stringify(r))));
		while (list.childElementCount > KEPT)
			list.lastElementChild.remove();
		says.textContent = `${count(n)} rows seen` + (missed ? `, ${count(missed)} passed over` : '');
	};
	const begin = () => {
		stop();
		show(list);
		n = missed = 0;
		stop = ctx.stream(ctx.path('/tail/' + encodeURIComponent(pick.value)), onRows, (now, why) => {
			if (now !== 'live')
				says.textContent = why ? why.message : 'ended';
		});
	};
	pick.addEventListener('change', begin);
	show(root, h('div', {class: 'row'}, h('label', null, 'Sink', pick), pause, h('span', {class: 'grow'}), says), list);
	begin();
	return {close: () => stop()};
}
