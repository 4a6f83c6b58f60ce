// checkpoints.js - what the checkpoints cost: duration, bytes and keys changed, one bar each, and the
// same as a table. A bar or a row opens that checkpoint's timeline.
import {h, s, show, num, span, bytes, count, short, time, pill, nothing} from './dom.js';

const BARS = 120, ROWS = 60, W = 1000, H = 74;

// The duration comes in ms from events, in us from the history.
const took = c => c.total_us !== undefined ? num(c.total_us) : num(c.total_ms) * 1000;

const charts = [['Duration', took, span, 'c1'], ['Bytes written', c => num(c.bytes_written), bytes, 'c2'],
	['Keys changed', c => num(c.keys_changed), short, 'c3']];

const failed = c => c.state === 'failed';

function chart([name, of, say, color], list, base) {
	const most = Math.max(...list.map(of), 1), step = W / Math.max(list.length, 30);
	const ordered = list.map(of).sort((a, b) => a - b);
	const middle = ordered[ordered.length >> 1];
	return h('div', {class: 'chart'}, h('div', {class: 'row'}, h('h2', null, name), h('span', {class: 'grow'}),
		h('span', {class: 'quiet small'}, `newest ${say(of(list[list.length - 1]))} · median ${say(middle)} · most ${say(most)}`)),
	s('svg', {viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: 'none', class: 'bars', role: 'img',
		'aria-label': `${name} of the last ${list.length} checkpoints`},
	list.map((c, i) => {
		const high = Math.max(1.5, of(c) / most * (H - 2));
		const title = s('title', null, `checkpoint ${c.id}, ${time(c.wall_us)}: ${say(of(c))}` +
			(c.full ? ', full' : '') + (failed(c) ? `, failed: ${c.error || ''}` : ''));
		const [y, tall, cls] = failed(c) ? [0, H, 'failed'] : [H - high, high, color];
		return s('a', {href: `${base}/checkpoints/${c.id}`, tabindex: -1},
			s('rect', {class: 'hit', x: i * step, y: 0, width: step, height: H}),
			s('rect', {class: cls, x: i * step + step * .1, y, width: step * .8, height: tall}), title);
	})));
}

const heads = [['No.', 'n'], ['When', ''], ['Kind', 'wide'], ['Took', 'n'], ['Written', 'n'],
	['Keys changed', 'n wide'], ['State', '']];

function row(c, base) {
	const href = `${base}/checkpoints/${c.id}`;
	return h('tr', {'data-href': href, tabindex: 0},
		h('th', {scope: 'row', class: 'n'}, h('a', {href, tabindex: -1}, count(c.id))),
		h('td', null, time(c.wall_us).slice(5)), h('td', {class: 'wide'}, c.kind + (c.full ? ', full' : '')),
		h('td', {class: 'n'}, span(took(c))), h('td', {class: 'n'}, bytes(c.bytes_written)),
		h('td', {class: 'n wide'}, count(c.keys_changed)),
		h('td', null, pill(c.state || 'completed'),
			failed(c) && h('span', {class: 'error-line'}, c.error || '')));
}

export async function panel(root, job, ctx) {
	let list = (await ctx.api(ctx.path('/checkpoints'))).checkpoints;
	const body = h('tbody'), place = h('div', {class: 'card'}), table = h('table', {class: 'list'},
		h('thead', null, h('tr', null, heads.map(([name, cls]) => h('th', {scope: 'col', class: cls}, name)))), body);
	const draw = () => {
		if (!list.length) {
			show(root, nothing('No checkpoint was taken yet.'));
			return;
		}
		if (!place.parentNode)
			show(root, place, table);
		show(place, charts.map(c => chart(c, list.slice(-BARS), ctx.base)));
		const at = document.activeElement && document.activeElement.closest('tr[data-href]');
		const href = at && body.contains(at) && at.dataset.href;
		show(body, list.slice(-ROWS).reverse().map(c => row(c, ctx.base)));
		if (href)
			[...body.children].find(r => r.dataset.href === href)?.focus();
	};
	draw();
	return {onEvent: (event, c) => {
		if (event !== 'checkpoint' || list.some(old => num(old.id) === num(c.id) && old.state === c.state))
			return;
		list = [...list, {wall_us: Date.now() * 1000, ...c}].slice(-1000);
		draw();
	}};
}
