// tail.js - what a print sink writes, as it writes it; the newest lines on top. Nothing waits for who
// reads: of a sink that is faster than this page, lines are passed over and counted.
import {h, show, num, count, nothing} from './dom.js';

const KEPT = 200;

export async function panel(root, job, ctx) {
	const pick = h('select', {name: 'sink'}), says = h('span', {class: 'quiet small'});
	const list = h('pre', {class: 'card log', tabindex: 0, 'aria-label': 'Lines'});
	const pause = h('button', {'aria-pressed': 'false'}, 'Pause');
	let stop = null, n = 0, missed = 0, paused = false;
	pause.addEventListener('click', () => {
		paused = !paused;
		pause.setAttribute('aria-pressed', paused);
		pause.textContent = paused ? 'Go on' : 'Pause';
	});
	const onEvent = (event, data) => {
		if (event === 'error')
			says.textContent = data.message;
		if (event !== 'rows' || paused)
			return;
		n += data.lines.length;
		missed += num(data.dropped);
		list.prepend(...data.lines.slice(-KEPT).reverse().map(line => h('div', null, line)));
		while (list.childElementCount > KEPT)
			list.lastElementChild.remove();
		says.textContent = `${count(n)} lines seen` + (missed ? `, ${count(missed)} passed over` : '');
	};
	const begin = () => {
		if (stop)
			stop();
		show(list);
		n = missed = 0;
		says.textContent = 'Lines appear here as they are written.';
		stop = ctx.stream(ctx.path('/tail/' + encodeURIComponent(pick.value)), onEvent, (now, why) => {
			if (now !== 'live' && why)
				says.textContent = why.message;
		});
	};
	pick.addEventListener('change', begin);
	// A job that has just been started tells of its stages a moment later.
	const onJob = now => {
		if (stop || !now.facts) {
			if (!stop)
				show(root, nothing('The job does not run: nothing is printed.'));
			return;
		}
		const sinks = now.facts.stages.filter(st => st.type === 'print_sink');
		if (!sinks.length) {
			show(root, nothing('This job has no print_sink to look at.'));
			return;
		}
		show(pick, sinks.map(st => h('option', {value: st.id}, st.id)));
		show(root, h('div', {class: 'row'}, h('label', {class: 'row'}, 'Sink', pick), pause,
			h('span', {class: 'grow'}), says), list);
		begin();
	};
	return {onJob, close: () => stop && stop()};
}
