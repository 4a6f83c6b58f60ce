// checkpoints.js - what the checkpoints cost: duration, bytes and keys changed, one bar each, and the
// same as a table. A bar or a row opens that checkpoint's timeline.
import {h, s, show, put, attr, keep, num, span, bytes, count, short, time, pill, nothing} from './dom.js';

const BARS = 120, ROWS = 60, W = 1000, H = 74;

// The duration comes in ms from events, in us from the history.
const took = c => c.total_us !== undefined ? num(c.total_us) : num(c.total_ms) * 1000;

const charts = [['Duration', took, span, 'c1'], ['Bytes written', c => num(c.bytes_written), bytes, 'c2'],
	['Keys changed', c => num(c.keys_changed), short, 'c3']];

const failed = c => c.state === 'failed';

// One that failed may be followed by a second try of the same number.
const key = c => c.id + ' ' + c.state;

function chart([name, of, say, color], base) {
	const says = h('span', {class: 'quiet small'});
	const bars = s('svg', {viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: 'none', class: 'bars', role: 'img'});
	const node = h('div', {class: 'chart'}, h('div', {class: 'row'}, h('h2', null, name),
		h('span', {class: 'grow'}), says), bars);
	node.update = list => {
		const most = Math.max(...list.map(of), 1), step = W / Math.max(list.length, 30);
		const ordered = list.map(of).sort((a, b) => a - b), middle = ordered[ordered.length >> 1];
		put(says, `newest ${say(of(list[list.length - 1]))} · median ${say(middle)} · most ` +
			say(ordered[ordered.length - 1]));
		attr(bars, 'aria-label', `${name} of the last ${list.length} checkpoints`);
		keep(bars, list, key, (c, i) => {
			const high = Math.max(1.5, of(c) / most * (H - 2));
			const title = s('title', null, `checkpoint ${c.id}, ${time(c.wall_us)}: ${say(of(c))}` +
				(c.full ? ', full' : '') + (failed(c) ? `, failed: ${c.error || ''}` : ''));
			const [y, tall, cls] = failed(c) ? [0, H, 'failed'] : [H - high, high, color];
			return s('a', {href: `${base}/checkpoints/${c.id}`, tabindex: -1},
				s('rect', {class: 'hit', x: i * step, y: 0, width: step, height: H}),
				s('rect', {class: cls, x: i * step + step * .1, y, width: step * .8, height: tall}), title);
		});
	};
	return node;
}

const heads = [['No.', 'n'], ['When', ''], ['Kind', 'wide'], ['Took', 'n'], ['Written', 'n'],
	['Keys changed', 'n wide'], ['State', '']];

function row(c, base) {
	const href = `${base}/checkpoints/${c.id}`;
	return h('tr', {'data-href': href, tabindex: 0},
		h('th', {scope: 'row', class: 'n'}, h('a', {href, tabindex: -1}, count(c.id))),
		h('td', null, h('span', {class: 'wide'}, time(c.wall_us).slice(5, 11)), time(c.wall_us).slice(11)),
		h('td', {class: 'wide'}, c.kind + (c.full ? ', full' : '')),
		h('td', {class: 'n'}, span(took(c))), h('td', {class: 'n'}, bytes(c.bytes_written)),
		h('td', {class: 'n wide'}, count(c.keys_changed)),
		h('td', null, pill(c.state || 'completed'),
			failed(c) && h('span', {class: 'error-line'}, c.error || '')));
}

export async function panel(root, job, ctx) {
	// The history also tells of checkpoints that were put off: these have no number.
	const history = async () => (await ctx.api(ctx.path('/checkpoints'))).checkpoints.filter(c => c.id);
	let list = await history();
	const body = h('tbody'), all = charts.map(c => chart(c, ctx.base));
	const place = h('div', {class: 'card'}, all), table = h('table', {class: 'list'},
		h('thead', null, h('tr', null, heads.map(([name, cls]) => h('th', {scope: 'col', class: cls}, name)))), body);
	const draw = () => {
		if (!list.length) {
			show(root, nothing('No checkpoint was taken yet.'));
			return;
		}
		if (!place.parentNode)
			show(root, place, table);
		all.forEach(one => one.update(list.slice(-BARS)));
		keep(body, list.slice(-ROWS).reverse(), key, c => row(c, ctx.base));
	};
	draw();
	const join = (some, more) => {
		const known = new Set(some.map(key));
		list = [...some, ...more.filter(c => !known.has(key(c)))].slice(-1000);
		draw();
	};
	// What came between the history and the stream, or while there was no connection, is asked for.
	const missed = async () => join(await history(), list);
	return {onEvent: (event, c) => {
		if (event !== 'checkpoint')
			return;
		const gap = num(c.id) > num(list.length && list[list.length - 1].id) + 1;
		join(list, [{wall_us: Date.now() * 1000, ...c}]);
		if (gap)
			missed().catch(e => e.name === 'AbortError' || ctx.say(e.message, true));
	}};
}
