// log.js - the newest lines of the job's log, and what comes.
import {h, show, add} from './dom.js';

const KEPT = 200000; // characters

export async function panel(root, job, ctx) {
	const text = h('pre', {class: 'card log', tabindex: 0, 'aria-label': 'Log'}), state = h('span', {class: 'quiet small'});
	show(root, h('div', {class: 'row'}, h('h2', null, 'Log'), h('span', {class: 'grow'}), state), text);
	const level = line => / error /.test(line) || /^weir:/.test(line) ? 'bad' : / warn/.test(line) ? 'warn' : '';
	let rest = '';
	const close = ctx.followText(ctx.path('/log?tail=300&follow=1'), (more, fresh) => {
		const down = text.scrollHeight - text.scrollTop - text.clientHeight < 40;
		if (fresh) {
			show(text);
			rest = '';
		}
		const lines = (rest + more).split('\n');
		rest = lines.pop();
		add(text, lines.map(line => h('span', {class: level(line)}, line + '\n')));
		while (text.textContent.length > KEPT)
			text.firstChild.remove();
		if (down || fresh)
			text.scrollTop = text.scrollHeight;
	}, (now, why) => { state.textContent = now === 'live' ? 'follows' : why ? why.message : ''; });
	return {close};
}
