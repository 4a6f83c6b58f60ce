// recoveries.js - each time the job came back: what had happened, where it went on from, how long that
// took and what was read again.
import {h, show, num, span, count, time, nothing} from './dom.js';

function sentence(r) {
	const took = num(r.recovery_us) ? ` in ${span(r.recovery_us)}` : '';
	const from = num(r.checkpoint) ? `restored checkpoint ${count(r.checkpoint)}${took}` : `began anew${took}`;
	const again = r.replayed === undefined || r.replayed === null ? ''
		: `, replayed ${count(r.replayed)} records`;
	return `${r.cause || 'Killed'}, ${from}${again}`;
}

const card = r => h('div', {class: 'card recovery'}, h('div', {class: 'row'}, h('b', null, sentence(r)),
	h('span', {class: 'grow'}), h('span', {class: 'quiet small'}, time(r.wall_us))),
num(r.gone_us) ? h('p', {class: 'quiet small'}, `the process before was gone for ${span(r.gone_us)}`) : null,
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
