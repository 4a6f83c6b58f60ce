// recoveries.js - each time the job came back: what had happened, where it went on from, how long that
// took and what was read again.
import {h, show, num, span, bytes, count, time, nothing} from './dom.js';

function sentence(r) {
	const took = num(r.recovery_us) ? ` in ${span(r.recovery_us)}` : ' (it ended before the first new record)';
	const why = r.cause ? r.cause[0].toUpperCase() + r.cause.slice(1) : 'It was interrupted';
	const from = num(r.checkpoint) ? `restored checkpoint ${count(r.checkpoint)}${took}` : `began anew${took}`;
	return `${why}: ${from}` + (num(r.replays) ? `, replayed at least ${count(r.replays)} records` : '') +
		(num(r.keys) ? `, ${count(r.keys)} keys` : '') +
		(r.fell_back ? '; a newer checkpoint could not be read' : '') + (r.rewound ? '; rewound on purpose' : '');
}

const card = r => h('div', {class: 'card recovery'}, h('div', {class: 'row'}, h('b', null, sentence(r)),
	h('span', {class: 'grow'}), h('span', {class: 'quiet small'}, time(r.wall_us))),
h('p', {class: 'quiet small'}, [num(r.gone_us) && `no process for ${span(r.gone_us)}`,
	r.checkpoint_wall_us && num(r.checkpoint) && `the checkpoint was of ${time(r.checkpoint_wall_us)}`,
	num(r.bytes_read) && `${bytes(r.bytes_read)} read`, r.attempt > 1 && `attempt ${r.attempt}`]
	.filter(Boolean).join(' · ')),
r.lines && h('pre', null, r.lines));

export async function panel(root, job, ctx) {
	const draw = async () => {
		const list = (await ctx.api(ctx.path('/recoveries'))).recoveries.slice().reverse();
		show(root, list.length ? list.map(card)
			: nothing('It was never interrupted. To see what happens then: Kill -9, above.'));
	};
	await draw();
	return {onEvent: event => {
		if (event === 'recovery')
			draw().catch(e => e.name === 'AbortError' || ctx.say(e.message, true));
	}};
}
